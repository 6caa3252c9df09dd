package strictjson

import "testing"

// beat is as large as what a process or the other host says many times a second.
type beat struct {
	Host     string `json:"host"`
	Role     string `json:"role"`
	Mode     string `json:"mode"`
	Epoch    uint64 `json:"epoch"`
	Position string `json:"position"`
	Applied  string `json:"applied"`
	Fit      bool   `json:"fit"`
	Process  struct {
		Name  string `json:"name"`
		PID   int    `json:"pid"`
		Ready bool   `json:"ready"`
	} `json:"process"`
}

const beatText = `{"host":"a","role":"active","mode":"paired","epoch":7,"position":"7/123","applied":"7/120","fit":true,"process":{"name":"updater","pid":17,"ready":true}}`

// TestDecode_KnowsAFieldOfEachType: one name is a field of two types, and is taken for each as it is there, however often.
func TestDecode_KnowsAFieldOfEachType(t *testing.T) {
	for range 3 {
		var text struct {
			Name string `json:"name"`
		}
		var object struct {
			Name struct {
				First string `json:"first"`
			} `json:"name"`
		}
		if err := Decode([]byte(`{"name":"ann"}`), &text); err != nil || text.Name != "ann" {
			t.Errorf("%+v, %v", text, err)
		}
		if err := Decode([]byte(`{"name":{"first":"ann"}}`), &object); err != nil || object.Name.First != "ann" {
			t.Errorf("%+v, %v", object, err)
		}
		if err := Decode([]byte(`{"name":{"last":"x"}}`), &object); err == nil {
			t.Error("a field that is not there is taken")
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var got beat
		if err := DecodeMessage([]byte(beatText), &got); err != nil || !got.Process.Ready {
			b.Fatal(err)
		}
	}
}
