package sort

func middle() { end() }

func (t *thing) method() string { return t.field.Text }
