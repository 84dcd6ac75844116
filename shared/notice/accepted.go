package notice

import (
	"strconv"
	"strings"
)

// Accepted is the language of ours, en or zh, that an Accept-Language header
// prefers; en where it names neither.
func Accepted(header string) string {
	best, most := "en", 0.0
	for part := range strings.SplitSeq(header, ",") {
		tag, weight, weighed := strings.Cut(part, ";")
		tag, _, _ = strings.Cut(strings.TrimSpace(tag), "-")
		q := 1.0
		if value, ok := strings.CutPrefix(strings.TrimSpace(weight), "q="); weighed && ok {
			var err error
			if q, err = strconv.ParseFloat(value, 64); err != nil {
				continue
			}
		}
		if tag = strings.ToLower(tag); (tag == "en" || tag == "zh") && q > most {
			best, most = tag, q
		}
	}
	return best
}
