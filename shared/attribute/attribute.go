// Package attribute has the rule of attributes: the free labels of products,
// customers and orders, by which lists are read and reports grouped.
package attribute

import "waybill/shared/refusal"

// longest is how long a label's name may be, in bytes.
const longest = 60

// Check refuses labels without a name or with one that is too long.
func Check(attributes map[string]string) []refusal.Item {
	var wrong []refusal.Item
	for name := range attributes {
		if name == "" || len(name) > longest {
			wrong = append(wrong, refusal.Item{Field: "attributes." + name, Code: "invalid", Detail: "The name of an attribute has 1 to 60 bytes."})
		}
	}
	return wrong
}
