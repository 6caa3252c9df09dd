package result

import (
	"fmt"
	"math"
	"strconv"
)

// Text is a summary for people: the median, and the spread when there is one.
func (s Summary) Text(unit string) string {
	if s.N == 0 {
		return ""
	}
	text := Number(s.Median)
	if s.Low != s.High {
		text += " (" + Number(s.Low) + "–" + Number(s.High) + ")"
	}
	if unit != "" {
		text += " " + unit
	}
	return text
}

// Number writes a number with three digits that count, or all before the point.
func Number(v float64) string {
	size := math.Abs(v)
	switch {
	case v == math.Trunc(v) && size < 1e15 || size >= 100:
		return grouped(strconv.FormatFloat(v, 'f', 0, 64))
	case size >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case size >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return fmt.Sprintf("%.3g", v)
}

// grouped sets commas between thousands.
func grouped(digits string) string {
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
