package telling

import "github.com/nyaruka/phonenumbers"

// isNumber reports whether s is a telephone number in E.164 that can exist.
func isNumber(s string) bool {
	n, err := phonenumbers.Parse(s, "") // without a region it takes numbers with their country's only
	return err == nil && phonenumbers.IsValidNumber(n) && phonenumbers.Format(n, phonenumbers.E164) == s
}
