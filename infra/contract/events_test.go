package contract

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"waybill/shared/bulletin"
	"waybill/shared/event"
)

const eventsDoc = "../../docs/events.md"

// types are the types of events that package event declares.
func types(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../shared/event/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if named, ok := spec.Type.(*ast.Ident); ok && named.Name == "Type" {
			for _, v := range spec.Values {
				if text, ok := v.(*ast.BasicLit); ok {
					out = append(out, strings.Trim(text.Value, `"`))
				}
			}
		}
		return true
	})
	return out
}

func TestEveryTypeOfEventIsDocumentedAndNoOther(t *testing.T) {
	text, err := os.ReadFile(eventsDoc)
	if err != nil {
		t.Fatal(err)
	}
	known := types(t)
	if len(known) < 50 {
		t.Fatalf("only %d types were found", len(known))
	}
	for _, name := range known {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/events.md does not say what %s is", name)
		}
	}
	_, table, _ := strings.Cut(string(text), "## Types")
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		if len(cells) < 4 {
			continue
		}
		for _, part := range strings.Split(cells[1], ",") {
			if name := strings.Trim(part, " `"); strings.Contains(name, ".") && !slices.Contains(known, name) {
				t.Errorf("docs/events.md has %s, which never happens", name)
			}
		}
	}
}

func TestTheMessageIsAsItsSchemaAndTheContractSay(t *testing.T) {
	text, err := os.ReadFile(eventsDoc)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []map[string]any
	for _, part := range strings.Split(string(text), "```json\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		var v map[string]any
		if err := json.Unmarshal([]byte(block), &v); err != nil {
			t.Fatalf("%v in %s", err, block)
		}
		blocks = append(blocks, v)
	}
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of JSON, want the schema and an example", len(blocks))
	}
	encoded, err := bulletin.Encode(event.Event{
		ID: "01JD9Z3M8Q4T5V6W7X8Y9Z0A1B", Subject: event.Subject{Kind: event.Order, ID: "A"}, Seq: 1, Type: event.OrderCreated, At: time.Unix(0, 0).UTC(), Actor: "sally",
	})
	if err != nil {
		t.Fatal(err)
	}
	var message map[string]any
	if err := json.Unmarshal(encoded, &message); err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(message))
	properties, _ := blocks[0]["properties"].(map[string]any)
	var required []string
	list, _ := blocks[0]["required"].([]any)
	for _, name := range list {
		required = append(required, name.(string))
	}
	slices.Sort(required)
	published := readContract(t).Components.Schemas["PublishedEvent"]
	for from, got := range map[string][]string{
		"the schema": slices.Sorted(maps.Keys(properties)), "what it requires": required,
		"the example": slices.Sorted(maps.Keys(blocks[1])), "the contract": slices.Sorted(maps.Keys(published.Properties)),
	} {
		if !slices.Equal(got, names) {
			t.Errorf("%s has %v, a message %v", from, got, names)
		}
	}
}
