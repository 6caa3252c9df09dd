package metrics

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/services/histogram"
)

func TestRecorder_GivesRatesOfEachInterval(t *testing.T) {
	host := whole()
	var requests histogram.Histogram
	host.measures = Measures{}
	r := NewRecorder(host)
	start := time.Unix(1000, 0)
	r.look(t.Context(), start)
	if p := r.Points(time.Time{}); len(p) != 0 {
		t.Fatalf("a point out of one look: %v", p)
	}
	for range 40 {
		requests.Observe(2 * time.Millisecond)
	}
	host.measures.Terminals.Request, host.measures.Updater.Updates = requests.Sample(), 30
	r.look(t.Context(), start.Add(2*time.Second))
	p := r.Points(time.Time{})
	if len(p) != 1 || p[0].Requests != 20 || p[0].Updates != 15 || p[0].RequestMedianMS < 1 || p[0].RequestMedianMS > 2.5 || p[0].NotifyLag != 1 {
		t.Fatalf("points %+v", p)
	}

	// The updater is started again: it counts from 0.
	host.measures.Updater.Updates = 3
	r.look(t.Context(), start.Add(3*time.Second))
	// The wall clock is set back: no point, and the next one is right again.
	r.look(t.Context(), start)
	host.measures.Updater.Updates = 8
	r.look(t.Context(), start.Add(time.Second))
	if p = r.Points(start.Add(3 * time.Second)); len(p) != 1 || p[0].Updates != 5 {
		t.Fatalf("points after the clock was set back %+v", p)
	}
	all := r.Points(time.Time{})
	if len(all) != 3 || all[1].Updates != 3 || all[1].Requests != 0 || all[2].Updates != 5 {
		t.Fatalf("points %+v", all)
	}
}

func TestRecorder_ShowsTheGapOfATakeover(t *testing.T) {
	host := whole()
	host.measures.Gap = histogram.Sample{}
	r := NewRecorder(host)
	r.look(t.Context(), time.Unix(1, 0))
	var gap histogram.Histogram
	gap.Observe(37 * time.Millisecond)
	host.measures.Gap = gap.Sample()
	r.look(t.Context(), time.Unix(2, 0))
	r.look(t.Context(), time.Unix(3, 0))
	if p := r.Points(time.Time{}); len(p) != 2 || p[0].GapMS != 37 || p[1].GapMS != 0 {
		t.Errorf("points %+v", p)
	}
}

func TestRecorder_KeepsTenMinutes(t *testing.T) {
	r := NewRecorder(whole())
	for i := range 2*Kept + 7 {
		r.look(t.Context(), time.Unix(int64(i), 0))
	}
	p := r.Points(time.Time{})
	if len(p) != Kept || p[Kept-1].Time != time.Unix(2*Kept+6, 0) {
		t.Errorf("%d points, the last of %s", len(p), p[len(p)-1].Time)
	}
	if late := r.Points(time.Unix(2*Kept+4, 0)); len(late) != 2 {
		t.Errorf("%d points after the last but two", len(late))
	}
}
