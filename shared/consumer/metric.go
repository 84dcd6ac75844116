package consumer

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// namespace is where CloudWatch keeps the metrics.
const namespace = "Waybill"

// Measure writes counts in CloudWatch's embedded metric format: a line of the
// log that becomes metrics, without a call to anybody. It has no level, for no
// level is to drop it.
func Measure(out io.Writer, at time.Time, counts map[string]int64) error {
	type metric struct{ Name, Unit string }
	var metrics []metric
	line := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		metrics = append(metrics, metric{name, "Count"})
		line[name] = counts[name]
	}
	line["_aws"] = map[string]any{
		"Timestamp": at.UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace": namespace, "Dimensions": [][]string{{}}, "Metrics": metrics,
		}},
	}
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("encode metrics: %w", err)
	}
	if _, err := out.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}
