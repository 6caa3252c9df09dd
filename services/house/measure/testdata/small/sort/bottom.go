package sort

func end() { (&thing{}).method() }
