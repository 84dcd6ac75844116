package tracking

import (
	"testing"

	"waybill/shared/customer"
	"waybill/shared/order"
)

func TestOfANameOnlyTheFirstIsShown(t *testing.T) {
	for name, want := range map[string]string{
		"Claire Gute": "Claire", "Gute, Claire": "Claire", "Dr. Claire Gute": "Claire", "Mrs Claire Gute": "Claire", "Claire": "Claire",
		"Acme Trading Ltd": "", "Muster GmbH": "", "Example Co.": "", "Muster S.A.": "", "": "", "  ": "",
		"王小明": "小明", "王明": "明", "欧阳修": "修", "欧阳小明": "小明", "김철수": "철수", "四川酒业": "",
		"claire@example.com": "", "+14155550123": "", "Gute,Claire": "", "Claire.Gute": "", "Gute/Claire": "", "Claire\u200bGute": "",
		"Mr. Gute": "", "Dr Gute": "", "Frau Dr. Gute": "", "Prof. Dr. med. Gute": "", "Madame Gute": "", "GUTE Claire": "Claire", "van der Berg, Jan": "Jan",
		"Jan van der Berg": "Jan", "Anne-Marie Gute": "Anne-Marie", "claire gute": "claire", "CLAIRE GUTE": "CLAIRE", "van der Berg": "",
		"上海某某贸易有限公司": "", "明": "",
	} {
		if got := firstName(name); got != want {
			t.Errorf("of %q is shown %q, want %q", name, got, want)
		}
	}
}

func TestAnOrderGoesToWhomItsAddressNames(t *testing.T) {
	buyer := customer.Customer{Name: "Claire Gute", Billing: &customer.Address{City: "Henderson"}}
	for name, c := range map[string]struct {
		o           order.Order
		first, city string
	}{
		"nowhere in particular": {order.Order{}, "Claire", "Henderson"},
		"a friend":              {order.Order{Shipping: &customer.Address{Name: "Darrin Van Huff", City: "Los Angeles"}}, "Darrin", "Los Angeles"},
		"an office":             {order.Order{Shipping: &customer.Address{Company: "Acme", City: "Fort Worth"}}, "", "Fort Worth"},
		"who pays":              {order.Order{Shipping: &customer.Address{City: "Concord"}, Billing: &customer.Address{Name: "Sean O'Donnell", City: "Seattle"}}, "Sean", "Concord"},
	} {
		if first, city := firstNameOf(c.o, buyer), cityOf(c.o, buyer); first != c.first || city != c.city {
			t.Errorf("%s: %q in %q, want %q in %q", name, first, city, c.first, c.city)
		}
	}
}
