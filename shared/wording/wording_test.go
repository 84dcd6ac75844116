package wording_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"waybill/shared/company"
	"waybill/shared/customer"
	"waybill/shared/event"
	"waybill/shared/invoice"
	"waybill/shared/notice"
	"waybill/shared/order"
	"waybill/shared/shipment"
	"waybill/shared/wording"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	languages = []string{"en", "zh"}
	noon      = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

// The longest base of addresses that an SMS in Chinese has room for.
const base = "https://shop.example-goods.com"

// facts are an order of two goods by a customer with a name that bites.
func facts(e event.Event) notice.Facts {
	later := noon.Add(72 * time.Hour)
	settings := company.Default()
	settings.Name, settings.Email, settings.Phone, settings.TimeZone = `Waybill & Sons`, "hello@example.com", "+442079460000", "Europe/London"
	o := order.Order{
		ID: "01JD0000000000000000000001", Number: "SO-2611-7K3M9Q", Version: 3, Status: order.Confirmed, Currency: "USD",
		Lines: []order.Line{
			{SKU: "MUG", Name: "Mug <script>alert(1)</script>", Quantity: 3, Cancelled: 1, UnitPrice: 1999, Discount: 398, Tax: 720, Total: 3998, Shipped: 1},
			{SKU: "TEA", Name: "绿茶", Quantity: 1, UnitPrice: 120_000, Tax: 24_000, Total: 144_000},
		},
		Totals: order.Totals{Subtotal: 124_396, Discount: 398, Tax: 24_720, Total: 148_718},
		Terms:  customer.Terms{Kind: customer.Prepaid}, Paid: 48_718, PlacedAt: &noon, PayBy: &later,
	}
	c := customer.Customer{ID: "C1", Name: `Claire "CG" Gute`, Email: "claire@example.com", Phone: "+8613800138000", Locale: "en-GB", TimeZone: "Asia/Shanghai"}
	s := shipment.Shipment{
		ID: "S1", Number: "SO-2611-7K3M9Q-1", Carrier: "DHL", TrackingNumber: "00340434161094042557",
		TrackingURL: "https://www.dhl.com/track?id=00340434161094042557", ShippedAt: noon,
		Lines: []shipment.Line{{SKU: "MUG", Name: "Mug <script>alert(1)</script>", Quantity: 1}},
	}
	b := invoice.Bill{Invoice: invoice.Invoice{
		Number: "INV-2026-000001", Currency: "USD", TimeZone: "Europe/London", DueAt: time.Date(2026, 12, 23, 23, 59, 59, 0, time.UTC),
		Lines: []invoice.Line{{Billed: order.Billed{SKU: "MUG", Name: "Mug <script>alert(1)</script>", Quantity: 2, Total: 3998}}},
		Sums:  invoice.Sums{Net: 3278, Tax: 720, Total: 3998},
	}, Open: 3998, Status: invoice.Open}
	if e.Subject.Kind != event.Order {
		return notice.Facts{Event: e, Settings: settings, ConsoleURL: base}
	}
	return notice.Facts{
		Event: e, Settings: settings, Order: &o, Customer: &c, Shipment: &s, Invoice: &b, ConsoleURL: base,
		TrackURL: base + "/v1/track/3bQx81LmZ0aTe7Rk", ShortURL: base + "/t/3bQx81LmZ0aTe7Rk", PreferencesURL: base + "/v1/preferences/9dKw02PqVb5xUy1N",
	}
}

// data is what an event that matches a rule says.
func data(r notice.Rule) (event.Subject, map[string]any) {
	about := map[event.Type]struct {
		kind event.Kind
		data map[string]any
	}{
		event.StockLow:           {event.Stock, map[string]any{"sku": "MUG", "available": int64(2), "reorder_point": int64(5)}},
		event.StockDrift:         {event.Stock, map[string]any{"drifts": int64(2), "drift": []any{}}},
		event.MoneyDrift:         {event.Proof, map[string]any{"drift": []any{map[string]any{"order": "x"}}}},
		event.DeadLettersWaiting: {event.DeadLetters, map[string]any{"letters": int64(3), "since": "2026-11-23T09:30:00Z"}},
		event.EndpointOff:        {event.Endpoint, map[string]any{"host": "hooks.example.com", "types": []any{"order.*"}, "enabled": false}},
		event.ReportReady:        {event.Report, map[string]any{"report": "Sales 2026-11"}},
		event.PaymentReview:      {event.Review, map[string]any{"problem": "amount: 3 came, 5 was asked for"}},
	}
	if of, ok := about[r.Event]; ok {
		return event.Subject{Kind: of.kind, ID: "x"}, of.data
	}
	d := map[string]any{
		"number": "SO-2611-7K3M9Q", "status": "confirmed", "amount": int64(123_456), "currency": "USD",
		"sku": "TEA", "quantity": int64(4), "return_number": "SO-2611-7K3M9Q-R1", "shipment_number": "SO-2611-7K3M9Q-1", "failure": "card_declined",
		"lines": []any{map[string]any{"sku": "MUG", "quantity": int64(1), "reason": "broken"}},
	}
	if r.Event == event.OrderHeld {
		d["reason"], d["hold_reason"] = "Address\nunclear", "Address\nunclear"
	}
	for _, c := range r.When {
		switch {
		case c.Not:
		case len(c.Values) > 0:
			d[c.Key] = c.Values[0]
		default:
			d[c.Key] = true
		}
	}
	return event.Subject{Kind: event.Order, ID: "01JD0000000000000000000001"}, d
}

func eventOf(r notice.Rule) event.Event {
	subject, d := data(r)
	return event.Event{ID: "E1", Subject: subject, Seq: 3, Type: r.Event, At: noon, Actor: "ann", Data: d}
}

// eachMessage composes every rule by every channel in every language.
func eachMessage(t *testing.T, visit func(name string, r notice.Rule, ch notice.Channel, lang string, w notice.Words)) {
	t.Helper()
	seen := map[string]int{}
	for _, r := range notice.Rules {
		for _, ch := range r.Channels {
			for _, lang := range languages {
				w, err := wording.Compose(r, ch, facts(eventOf(r)), lang)
				name := fmt.Sprintf("%s.%s.%s.%s", r.Event, r.To, ch, lang)
				if seen[name]++; seen[name] > 1 {
					name += fmt.Sprintf(".%d", seen[name]) // of another condition
				}
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				visit(name, r, ch, lang, w)
			}
		}
	}
}

func TestEveryMessageReadsAsItDid(t *testing.T) {
	want := map[string]bool{}
	eachMessage(t, func(name string, _ notice.Rule, ch notice.Channel, _ string, w notice.Words) {
		got := "Subject: " + w.Subject + "\n\n" + w.Text
		if ch == notice.SMS {
			got = fmt.Sprintf("Parts: %d\n\n%s\n", notice.Parts(w.Text), w.Text)
		}
		if w.HTML != "" {
			got += "\n" + w.HTML
		}
		path := filepath.Join("testdata", name+".golden")
		want[path] = true
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		golden, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(golden, []byte(got)) {
			t.Errorf("%s is not as it was (%v); look, and run with -update:\n%s", name, err, got)
		}
	})
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !want[f] {
			t.Errorf("no rule makes %s", f)
		}
	}
}

func TestAMessageIsWholeInItsChannel(t *testing.T) {
	hole := regexp.MustCompile(`<no value>|\{\{|\}\}|%!|\(nil\)|<nil>`)
	eachMessage(t, func(name string, _ notice.Rule, ch notice.Channel, _ string, w notice.Words) {
		if hole.MatchString(w.Subject + w.Text + w.HTML) {
			t.Errorf("%s has a hole: %+v", name, w)
		}
		if w.Text == "" || (w.Subject == "") != (ch == notice.SMS) || (w.HTML == "") != (ch != notice.Email) {
			t.Errorf("%s lacks a part, or has one too many: %+v", name, w)
		}
		if (ch == notice.SMS || ch == notice.App) && strings.ContainsAny(w.Text, "\r\n") {
			t.Errorf("%s is more than a line: %q", name, w.Text)
		}
	})
}

func TestTheWarehouseReadsNoAmount(t *testing.T) {
	amount := regexp.MustCompile(`USD|[0-9][.,][0-9]{2}`)
	read := 0
	eachMessage(t, func(name string, r notice.Rule, _ notice.Channel, _ string, w notice.Words) {
		if r.To != notice.Warehouse {
			return
		}
		read++
		if amount.MatchString(w.Subject + w.Text + w.HTML) {
			t.Errorf("%s names an amount: %+v", name, w)
		}
	})
	if read == 0 {
		t.Error("the warehouse is told nothing")
	}
}

func TestWordsWithAnAmountFailForTheWarehouse(t *testing.T) {
	r := notice.Rule{Event: event.PaymentReceived, To: notice.Warehouse, Words: "money_in"}
	if w, err := wording.Compose(r, notice.App, facts(eventOf(r)), "en"); err == nil {
		t.Errorf("the warehouse reads %q", w.Subject)
	}
	r.To = notice.Finance
	if _, err := wording.Compose(r, notice.App, facts(eventOf(r)), "en"); err != nil {
		t.Errorf("finance does not: %v", err)
	}
}

func TestAnSMSInChineseIsOnePart(t *testing.T) {
	sent := 0
	eachMessage(t, func(name string, _ notice.Rule, ch notice.Channel, lang string, w notice.Words) {
		if ch != notice.SMS {
			return
		}
		sent++
		if lang == "zh" && (notice.Parts(w.Text) != 1 || len([]rune(w.Text)) > 70) {
			t.Errorf("%s has %d characters, %d parts: %s", name, len([]rune(w.Text)), notice.Parts(w.Text), w.Text)
		}
		if !strings.Contains(w.Text, "SO-2611-7K3M9Q") || !strings.HasSuffix(w.Text, base+"/t/3bQx81LmZ0aTe7Rk") {
			t.Errorf("%s lacks the order or its link: %s", name, w.Text)
		}
	})
	if len(base) != 30 || sent == 0 {
		t.Fatalf("%d messages with a base of %d", sent, len(base))
	}
}

func TestWhatPeopleEnteredStaysText(t *testing.T) {
	bites := 0
	eachMessage(t, func(name string, _ notice.Rule, ch notice.Channel, _ string, w notice.Words) {
		if ch != notice.Email {
			return
		}
		if strings.Contains(w.HTML, "<script") || strings.Contains(w.HTML, `Claire "CG"`) || strings.Contains(w.HTML, "Waybill & Sons") {
			t.Errorf("%s lets what was entered be HTML", name)
		}
		if strings.Contains(w.HTML, "&lt;script&gt;") {
			bites++
		}
		if !strings.Contains(w.HTML, `href="`+base+`/v1/preferences/9dKw02PqVb5xUy1N"`) || !strings.Contains(w.Text, base+"/v1/preferences/9dKw02PqVb5xUy1N") {
			t.Errorf("%s has no way to opt out", name)
		}
	})
	if bites == 0 {
		t.Error("no mail shows the product that bites")
	}
}

func TestACarriersAddressThatIsNoneIsNotFollowed(t *testing.T) {
	r := notice.Rule{Event: event.ShipmentCreated, To: notice.Customer, Words: "shipped"}
	f := facts(eventOf(r))
	f.Shipment.TrackingURL = "javascript:alert(1)"
	w, err := wording.Compose(r, notice.Email, f, "en")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(w.HTML, "javascript:") {
		t.Error("the mail runs a script")
	}
}

func TestASubjectIsOneHeader(t *testing.T) {
	const evil = "SO-1\r\nBcc: all@example.com\u2028\u202egnp.exe\x00"
	for _, r := range notice.Rules {
		f := facts(eventOf(r))
		if f.Order != nil {
			f.Order.Number, f.Customer.Name, f.Invoice.Number, f.Settings.Name = evil, evil, evil, evil
		}
		for _, key := range []string{"number", "sku", "shipment_number"} {
			if _, ok := f.Event.Data[key]; ok {
				f.Event.Data[key] = evil
			}
		}
		for _, ch := range r.Channels {
			w, err := wording.Compose(r, ch, f, "en")
			if err != nil {
				t.Fatal(err)
			}
			if strings.ContainsAny(w.Subject, "\r\n\x00\u2028\u202e") || len([]rune(w.Subject)) > 99 {
				t.Errorf("%s by %s: %q", r.Event, ch, w.Subject)
			}
			if ch == notice.SMS && strings.ContainsAny(w.Text, "\r\n\x00\u2028\u202e") {
				t.Errorf("%s by SMS: %q", r.Event, w.Text)
			}
		}
	}
	long := facts(eventOf(notice.Rule{Event: event.StockLow}))
	long.Event.Data["sku"] = strings.Repeat("长", 300)
	w, err := wording.Compose(notice.Rule{Event: event.StockLow, To: notice.Manager, Words: "stock_low"}, notice.Staff, long, "zh")
	if err != nil || len([]rune(w.Subject)) != 99 {
		t.Errorf("a long subject has %d characters, %v", len([]rune(w.Subject)), err)
	}
}

func TestWordsThatAreNotThereAreAnError(t *testing.T) {
	f := facts(event.Event{Type: event.OrderConfirmed, Subject: event.Subject{Kind: event.Order, ID: "x"}, Data: map[string]any{}})
	for name, compose := range map[string]func() (notice.Words, error){
		"a key that nobody wrote": func() (notice.Words, error) {
			return wording.Compose(notice.Rule{Words: "nonsense"}, notice.App, f, "en")
		},
		"a language that nobody speaks": func() (notice.Words, error) {
			return wording.Compose(notice.Rule{Words: "order_placed"}, notice.App, f, "fr")
		},
		"a channel that nobody knows": func() (notice.Words, error) {
			return wording.Compose(notice.Rule{Words: "order_placed"}, "pigeon", f, "en")
		},
		"an amount that nobody said": func() (notice.Words, error) {
			return wording.Compose(notice.Rule{Words: "money_in"}, notice.App, f, "zh")
		},
		"an invoice that nobody showed": func() (notice.Words, error) {
			without := f
			without.Invoice = nil
			return wording.Compose(notice.Rule{Words: "invoice_overdue"}, notice.Email, without, "en")
		},
		"a shipment that nobody showed": func() (notice.Words, error) {
			without := f
			without.Shipment = nil
			return wording.Compose(notice.Rule{Words: "shipped"}, notice.Email, without, "en")
		},
		"an order that nobody showed": func() (notice.Words, error) {
			without := f
			without.Order = nil
			return wording.Compose(notice.Rule{Words: "order_changed"}, notice.Email, without, "en")
		},
	} {
		if w, err := compose(); err == nil {
			t.Errorf("%s: %+v", name, w)
		}
	}
}

func TestALinkThatIsRevokedIsLeftOut(t *testing.T) {
	r := notice.Rule{Event: event.OrderConfirmed, To: notice.Customer, Words: "order_confirmed"}
	f := facts(eventOf(r))
	f.TrackURL, f.ShortURL = "", ""
	for _, lang := range languages {
		for _, ch := range []notice.Channel{notice.Email, notice.SMS} {
			w, err := wording.Compose(r, ch, f, lang)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(w.Text+w.HTML, "/t/") || strings.Contains(w.Text+w.HTML, "/v1/track/") || strings.HasSuffix(w.Text, " ") {
				t.Errorf("%s by %s: %q", lang, ch, w.Text)
			}
		}
	}
}

func TestTimesAreTheCustomersOwn(t *testing.T) {
	r := notice.Rule{Event: event.OrderConfirmed, To: notice.Customer, Words: "order_confirmed"}
	f := facts(eventOf(r))
	for _, c := range []struct{ zone, lang, want string }{
		{"Asia/Shanghai", "en", "23 November 2026, 20:00"},
		{"Asia/Shanghai", "zh", "2026年11月23日 20:00"},
		{"America/New_York", "en", "23 November 2026, 07:00"},
		{"", "en", "23 November 2026, 12:00"}, // the company's
	} {
		f.Customer.TimeZone = c.zone
		w, err := wording.Compose(r, notice.Email, f, c.lang)
		if err != nil || !strings.Contains(w.Text, c.want) || !strings.Contains(w.HTML, c.want) {
			t.Errorf("in %q, %s: %v\n%s", c.zone, c.lang, err, w.Text)
		}
	}
}

func TestAmountsAreWrittenInTheirCurrency(t *testing.T) {
	for _, c := range []struct {
		n        int64
		currency string
		want     string
	}{
		{0, "USD", "USD 0.00"}, {5, "USD", "USD 0.05"}, {-5, "USD", "USD -0.05"}, {123_456_789, "USD", "USD 1,234,567.89"},
		{99_900, "USD", "USD 999.00"}, {100_000, "USD", "USD 1,000.00"}, {-100_000, "EUR", "EUR -1,000.00"},
		{1_234, "JPY", "JPY 1,234"}, {999, "KRW", "KRW 999"}, {1_234_567, "BHD", "BHD 1,234.567"}, {7, "BHD", "BHD 0.007"},
		{-9_223_372_036_854_775_808, "JPY", "JPY -9,223,372,036,854,775,808"},
	} {
		if got := wording.Amount(c.n, c.currency); got != c.want {
			t.Errorf("%d %s is %q, want %q", c.n, c.currency, got, c.want)
		}
	}
}

func TestACustomersTimelineHasWordsForWhatIsTheirs(t *testing.T) {
	for _, lang := range languages {
		shown := 0
		for _, k := range []event.Type{
			event.OrderConfirmed, event.OrderImported, event.OrderEdited, event.OrderCancelled, event.OrderClosed, event.OrderExpired,
			event.OrderCompleted, event.PaymentAuthorized, event.PaymentReceived, event.PaymentFailed, event.RefundSucceeded,
			event.ShipmentCreated, event.ShipmentDelivered, event.ShipmentUndone, event.ReturnCreated, event.InvoiceIssued,
		} {
			text, err := wording.Track(event.Event{Type: k, Data: map[string]any{"carrier": "DHL", "invoice_number": "INV-1"}}, lang)
			if err != nil || text == "" {
				t.Errorf("%s in %s: %q, %v", k, lang, text, err)
			}
			shown++
		}
		for _, e := range []event.Event{
			{Type: event.OrderHeld}, {Type: event.OrderReleased}, {Type: event.OrderServed}, {Type: event.PaymentDisputed}, {Type: event.PaymentVoiding},
			{Type: event.PaymentRequested}, {Type: event.OrderCreated}, {Type: event.OrderEdited, Data: map[string]any{"status": "draft"}},
		} {
			if text, err := wording.Track(e, lang); err != nil || text != "" {
				t.Errorf("%s in %s is no customer's business: %q, %v", e.Type, lang, text, err)
			}
		}
	}
}
