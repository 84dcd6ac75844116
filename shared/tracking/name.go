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
	titles     = strings.Fields("mr mrs ms miss mx dr med prof sir sr jr herr frau madame monsieur mme mlle señor señora sig")
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
	if n := slices.IndexFunc(words, func(w string) bool { return strings.HasSuffix(w, ",") }); n >= 0 {
		words = words[n+1:]
	}
	titled := false
	for len(words) > 0 && slices.Contains(titles, bare(words[0])) {
		words, titled = words[1:], true
	}
	switch {
	case len(words) == 0, titled && len(words) == 1: // what follows a title alone is the family's name
		return ""
	case len(words) > 1 && isUpper(words[0]) && !isUpper(words[1]): // GUTE Claire
		words = words[1:]
	case strings.ContainsFunc(words[0], func(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hangul) }):
		return givenName(strings.Join(words, ""))
	}
	if strings.ContainsFunc(words[0], noName) || words[0] == strings.ToLower(words[0]) && len(words) > 2 {
		return "" // an address, a number, several names in one word; or van, der, de
	}
	return words[0]
}

// noName reports whether a sign is none of a single name, as of Anne-Marie or D'Arcy.
func noName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsMark(r) && !strings.ContainsRune("-'’", r)
}

func isUpper(word string) bool {
	return len([]rune(word)) > 1 && word == strings.ToUpper(word) && word != strings.ToLower(word)
}

func bare(word string) string {
	return strings.ToLower(strings.ReplaceAll(strings.Trim(word, ".,"), ".", ""))
}

// Family names of two characters.
var twice = strings.Fields("欧阳 司马 上官 诸葛 司徒 夏侯 皇甫 尉迟 公孙 慕容 令狐 东方 歐陽 司馬 上官 諸葛")

// companies are what names of companies end with.
const companies = "司厂廠店行业業部社所局院会會家坊庄莊楼樓网網"

// givenName is a Chinese name without the family's, which comes first.
func givenName(name string) string {
	runes := []rune(name)
	switch {
	case len(runes) > longestChinese || len(runes) < 2 || strings.ContainsRune(companies, runes[len(runes)-1]):
		return ""
	case len(runes) == longestChinese, len(runes) == 3 && slices.Contains(twice, string(runes[:2])):
		return string(runes[2:])
	default:
		return string(runes[1:])
	}
}
