// Command lean makes the server code of the contract. It hands ogen a copy of
// openapi.yaml without the error responses, which package gateway writes for
// every operation alike: handlers return one success type and an error, and
// the functions link no encoder they never call.
//
// Each function serves one group of operations, and links no more than that.
//
// A schema marked x-raw is left undecoded, so that one broken row of an import
// does not refuse its neighbours; the handler decodes each row by itself. Its
// type is made all the same where a response says x-keep-type.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
)

func main() {
	if err := generate("openapi.yaml", "ogen.yml"); err != nil {
		fmt.Fprintln(os.Stderr, "lean:", err)
		os.Exit(1)
	}
}

func generate(contract, config string) error {
	data, err := os.ReadFile(contract)
	if err != nil {
		return fmt.Errorf("read the contract: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("parse the contract: %w", err)
	}
	prune(&doc)
	lean, err := yaml.Marshal(&doc)
	if err != nil {
		return fmt.Errorf("write the lean contract: %w", err)
	}
	dir, err := os.MkdirTemp("", "waybill-contract")
	if err != nil {
		return fmt.Errorf("make a folder for the lean contract: %w", err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "openapi.yaml")
	if err := os.WriteFile(file, lean, 0o600); err != nil {
		return fmt.Errorf("write the lean contract: %w", err)
	}
	ogen := exec.Command("go", "tool", "ogen", "--config", config, "--target", ".", "--package", "api", "--clean", file)
	ogen.Stdout, ogen.Stderr = os.Stdout, os.Stderr
	if err := ogen.Run(); err != nil {
		return fmt.Errorf("run ogen: %w", err)
	}
	return group(&doc)
}

// prune drops what stands under the status 304 or one of 400 or more, and the type of what is marked x-raw.
func prune(n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		kept := n.Content[:0]
		for i := 0; i < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if isError(key.Value) {
				continue
			}
			if key.Value == "x-raw" {
				n.Content = nil
				return
			}
			kept = append(kept, key, value)
		}
		n.Content = kept
		keepType(n)
	}
	for _, child := range n.Content {
		prune(child)
	}
}

// keepType gives an object an optional property, which is never set, of the
// type that it says to keep: ogen makes only the types that something uses.
func keepType(n *yaml.Node) {
	ref, properties := field(n, "x-keep-type"), field(n, "properties")
	if ref == nil || properties == nil {
		return
	}
	properties.Content = append(properties.Content,
		&yaml.Node{Kind: yaml.ScalarNode, Value: "x-kept"},
		&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Value: "$ref"}, {Kind: yaml.ScalarNode, Value: ref.Value}}})
}

func field(n *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

func isError(status string) bool {
	return len(status) == 3 && (status == "304" || strings.ContainsAny(status[:1], "45")) && strings.Trim(status, "0123456789") == ""
}
