package tracking

import (
	"slices"
	"strings"
	"unicode"

	"waybill/shared/customer"
	"waybill/shared/order"
)

// firstNameOf is the first name of whom an order goes to: of the person that
// its addresses name, else of the customer. Where it goes to a company there is none.
func firstNameOf(o order.Order, c customer.Customer) string {
	for _, a := range addresses(o, c) {
		if a.Name != "" {
			return firstName(a.Name)
		}
		if a.Company != "" {
			return ""
		}
	}
	return firstName(c.Name)
}

func cityOf(o order.Order, c customer.Customer) string {
	for _, a := range addresses(o, c) {
		if a.City != "" {
			return a.City
		}
	}
	return ""
}

func addresses(o order.Order, c customer.Customer) []customer.Address {
	var out []customer.Address
	for _, a := range []*customer.Address{o.Shipping, o.Billing, c.Shipping, c.Billing} {
		if a != nil {
			out = append(out, *a)
		}
	}
	return out
}

// Legal forms tell companies from people, and titles are no names.
var (
	legalForms = strings.Fields("ltd limited inc incorporated llc llp plc corp corporation co company gmbh ag kg ohg ug sa sas sarl srl spa bv nv ab as oy pty pte kk")
	titles     = strings.Fields("mr mrs ms miss mx dr prof sir herr frau")
)

// longestChinese is how many characters a person's name in Chinese has at most; longer ones are companies'.
const longestChinese = 4

// firstName is the first name within a person's name; "" for a company's.
func firstName(name string) string {
	words := strings.Fields(name)
	for _, w := range words {
		if slices.Contains(legalForms, bare(w)) {
			return ""
		}
	}
	// Gute, Claire
	if len(words) > 1 && strings.HasSuffix(words[0], ",") {
		words = words[1:]
	}
	for len(words) > 1 && slices.Contains(titles, bare(words[0])) {
		words = words[1:]
	}
	if len(words) == 0 {
		return ""
	}
	if strings.ContainsFunc(words[0], func(r rune) bool { return r == '@' || r == ',' || unicode.IsDigit(r) }) {
		return "" // an address, a number, or both names in one word
	}
	if strings.ContainsFunc(words[0], func(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hangul) }) {
		return givenName(strings.Join(words, ""))
	}
	return words[0]
}

func bare(word string) string {
	return strings.ToLower(strings.ReplaceAll(strings.Trim(word, ".,"), ".", ""))
}

// Family names of two characters.
var twice = strings.Fields("欧阳 司马 上官 诸葛 司徒 夏侯 皇甫 尉迟 公孙 慕容 令狐 东方 歐陽 司馬 上官 諸葛")

// givenName is a Chinese name without the family's, which comes first.
func givenName(name string) string {
	runes := []rune(name)
	switch {
	case len(runes) > longestChinese || len(runes) < 2:
		return ""
	case len(runes) == longestChinese, len(runes) == 3 && slices.Contains(twice, string(runes[:2])):
		return string(runes[2:])
	default:
		return string(runes[1:])
	}
}
