package invoices

import (
	"testing"

	"waybill/shared/company"
	"waybill/shared/invoice"
	"waybill/shared/order"
)

func TestAnInvoiceIsPaidAtThePageOfTheSettingsWhileItIsOpen(t *testing.T) {
	h := &Invoices{}
	s := company.Settings{Invoicing: company.Invoicing{PayURL: "https://shop.example.com/pay?order={order}"}}
	s.Invoicing.Bank = "IBAN DE02"
	if bank, link, err := h.howToPay(t.Context(), invoice.Bill{}, s); err != nil || bank+link != "" {
		t.Errorf("nothing is open, and it is to be paid at %q or %q, %v", bank, link, err)
	}
	for number, want := range map[string]string{"SO-2611-7K3M9Q": "SO-2611-7K3M9Q", "a b&c": "a%20b%26c"} {
		if link := ownPage(order.Order{Number: number}, s); link != "https://shop.example.com/pay?order="+want {
			t.Errorf("%s is paid at %q", number, link)
		}
	}
}
