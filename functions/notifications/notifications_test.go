package notifications

import (
	"testing"
	"time"

	"waybill/shared/api"
	"waybill/shared/notice"
)

func TestAnAddressIsShownToThoseWhoKnowTheCustomer(t *testing.T) {
	t.Parallel()
	n := notice.Notice{
		ID: "01KAQ3V7Z8M4T6W2Y9X1C5B3N7", Channel: notice.SMS, Audience: notice.Customer, To: "+12025550143", Status: notice.Sent,
		Attempts: 1, Parts: 2, Type: "order.confirmed", At: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
	}
	if v := sent(n, true); v.To != "+12025550143" || v.Parts.Value != 2 || v.Status != api.SentStatusSent {
		t.Errorf("%+v", v)
	}
	if v := sent(n, false); v.To != "customer" {
		t.Errorf("the warehouse sees %q", v.To)
	}
	n.Audience, n.Channel, n.To = notice.Warehouse, notice.Staff, "warehouse"
	if v := sent(n, false); v.To != "warehouse" {
		t.Errorf("staff mail went to %q", v.To)
	}
}

func TestEveryStatusIsOneOfTheContract(t *testing.T) {
	t.Parallel()
	for _, s := range []notice.Status{notice.Waiting, notice.Sending, notice.Sent, notice.Skipped, notice.Failed, notice.Unknown, notice.Discarded} {
		for _, ch := range []notice.Channel{notice.Email, notice.SMS, notice.Staff} {
			v := sent(notice.Notice{ID: "01KAQ3V7Z8M4T6W2Y9X1C5B3N7", Status: s, Channel: ch, Reason: "MessageRejected"}, true)
			if err := v.Validate(); err != nil {
				t.Errorf("%s by %s: %v", s, ch, err)
			}
		}
	}
}
