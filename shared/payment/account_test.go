package payment_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"waybill/shared/payment"
	"waybill/shared/refusal"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func by(who string) payment.Entered { return payment.Entered{By: who, At: noon} }

func asked(id string, amount int64, hold bool) payment.Payment {
	return payment.Payment{ID: id, Method: payment.Stripe, Currency: "USD", Amount: amount, Status: payment.Pending, Hold: hold, Session: "cs_" + id, CreatedAt: noon}
}

func cash(id string, amount int64) payment.Payment {
	at := noon
	return payment.Payment{ID: id, Method: payment.Cash, Currency: "USD", Amount: amount, Received: amount, Status: payment.Succeeded, ReceivedAt: &at, CreatedAt: noon}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func add(t *testing.T, a *payment.Account, ps ...payment.Payment) {
	t.Helper()
	for _, p := range ps {
		if err := a.Add(p, by("fiona")); err != nil {
			t.Fatal(err)
		}
	}
}

// balanced holds the ledger against what the account comes to.
func balanced(t *testing.T, entries []payment.Entry, want payment.Sums) {
	t.Helper()
	var in, back int64
	for i, e := range entries {
		if e.Number != int64(i+1) {
			t.Errorf("entry %d has number %d", i+1, e.Number)
		}
		if e.Kind == payment.In || e.Kind == payment.Mistake {
			in += e.Amount
		} else {
			back -= e.Amount
		}
	}
	if in != want.Paid || back != want.Refunded {
		t.Errorf("the ledger says %d in and %d back, the account %+v", in, back, want)
	}
}

// A story is what Stripe tells of one payment's life.
type story []func(*payment.Account) (payment.News, error)

func session(status string, paid bool) func(*payment.Account) (payment.News, error) {
	return func(a *payment.Account) (payment.News, error) {
		return a.SeeSession(payment.Session{ID: "cs_P", Intent: "pi_1", Status: status, Paid: paid, Amount: 1000, Currency: "USD"}, false, by("stripe"))
	}
}

func intent(status string, received int64, failure string) func(*payment.Account) (payment.News, error) {
	return func(a *payment.Account) (payment.News, error) {
		return a.SeeIntent(payment.Intent{ID: "pi_1", Metadata: payment.Metadata{PaymentID: "P"}, Status: status, Amount: 1000, Received: received, Currency: "USD", Failure: failure}, by("stripe"))
	}
}

func refund(id, ours string, amount int64, status string) func(*payment.Account) (payment.News, error) {
	return func(a *payment.Account) (payment.News, error) {
		return a.SeeRefund(payment.StripeRefund{ID: id, RefundID: ours, Metadata: payment.Metadata{PaymentID: "P"}, Intent: "pi_1", Amount: amount, Currency: "USD", Status: status}, "R-"+id, by("stripe"))
	}
}

func dispute(status payment.DisputeStatus) func(*payment.Account) (payment.News, error) {
	return func(a *payment.Account) (payment.News, error) {
		// Package billing looks at the intent before it believes a dispute.
		if _, err := intent("succeeded", 1000, "")(a); err != nil {
			return payment.Nothing, err
		}
		return a.SeeDispute(payment.StripeDispute{ID: "dp_1", Intent: "pi_1", Amount: 300, Currency: "USD", Status: status}, by("stripe"))
	}
}

var life = story{
	intent("requires_payment_method", 0, "card_declined"), intent("processing", 0, ""), intent("requires_capture", 0, ""),
	session("complete", false), intent("succeeded", 1000, ""),
	refund("re_1", "", 200, "pending"), refund("re_1", "", 200, "succeeded"), refund("re_2", "", 100, "succeeded"), refund("re_2", "", 100, "failed"),
	dispute(payment.DisputeOpen), dispute(payment.DisputeLost),
}

// ended is the account as a comparison sees it: what came in which order is in the ledger only.
func ended(a payment.Account) payment.Account {
	a = a.Clone()
	a.Entries = 0
	for i := range a.Payments {
		slices.SortFunc(a.Payments[i].Refunds, func(x, y payment.Refund) int { return cmp.Compare(x.Stripe, y.Stripe) })
	}
	return a
}

func TestEveryOrderOfWhatStripeTellsEndsInOneState(t *testing.T) {
	t.Parallel()
	tell := func(order []int, twice bool) payment.Account {
		var a payment.Account
		add(t, &a, asked("P", 1000, true))
		for _, i := range order {
			for range 1 + b2i(twice) {
				if _, err := life[i](&a); err != nil {
					t.Fatalf("%v: %v", order, err)
				}
			}
		}
		balanced(t, a.News, a.Sums())
		return a
	}
	straight := make([]int, len(life))
	for i := range straight {
		straight[i] = i
	}
	want := ended(tell(straight, false))
	if s := (payment.Account{Payments: want.Payments}).Sums(); s != (payment.Sums{Paid: 1000, Refunded: 500, Lost: 300}) {
		t.Fatalf("in order it comes to %+v", s)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 1))
	for range 20_000 {
		order := slices.Clone(straight)
		dice.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		if got := ended(tell(order, dice.IntN(2) == 0)); !reflect.DeepEqual(got, want) {
			t.Fatalf("in order %v it ends as\n%+v, not as\n%+v", order, got, want)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestWhatCameInStaysInWhateverIsSaidLate(t *testing.T) {
	t.Parallel()
	for _, late := range []func(*payment.Account) (payment.News, error){
		intent("processing", 0, ""), intent("canceled", 0, ""), intent("requires_payment_method", 0, "card_declined"), session("expired", false), intent("requires_capture", 0, ""),
	} {
		var a payment.Account
		add(t, &a, asked("P", 1000, false))
		for range 3 {
			if _, err := intent("succeeded", 1000, "")(&a); err != nil {
				t.Fatal(err)
			}
		}
		news, err := late(&a)
		if p := a.Payments[0]; err != nil || news != payment.Nothing || p.Status != payment.Succeeded || p.Failure != "" || len(a.News) != 1 {
			t.Errorf("%s, %v: %+v", news, err, a)
		}
	}
}

func TestWhatDoesNotMatchChangesNothing(t *testing.T) {
	t.Parallel()
	good := payment.Intent{ID: "pi_1", Metadata: payment.Metadata{PaymentID: "P"}, Status: "succeeded", Amount: 1000, Received: 1000, Currency: "USD"}
	for name, change := range map[string]func(*payment.Intent){
		"another amount":         func(i *payment.Intent) { i.Amount, i.Received = 900, 900 },
		"more than was asked":    func(i *payment.Intent) { i.Received = 1001 },
		"nothing came":           func(i *payment.Intent) { i.Received = 0 },
		"another currency":       func(i *payment.Intent) { i.Currency = "EUR" },
		"a payment there is not": func(i *payment.Intent) { i.PaymentID, i.ID = "Q", "pi_2" },
	} {
		var a payment.Account
		add(t, &a, asked("P", 1000, false))
		i := good
		change(&i)
		_, err := a.SeeIntent(i, by("stripe"))
		var wrong *payment.Mismatch
		if !errors.As(err, &wrong) || a.Sums() != (payment.Sums{}) || a.Payments[0].Status != payment.Pending {
			t.Errorf("%s: %v, %+v", name, err, a.Payments)
		}
	}
}

func TestARefundIsSplitAndNeverMoreThanIsLeft(t *testing.T) {
	t.Parallel()
	var a payment.Account
	add(t, &a, asked("P", 6000, false), cash("C", 4000))
	must[payment.News](t)(a.SeeIntent(payment.Intent{ID: "pi_1", Metadata: payment.Metadata{PaymentID: "P"}, Status: "succeeded", Amount: 6000, Received: 6000, Currency: "USD"}, by("stripe")))
	shares := must[[]payment.Share](t)(a.Split(7000))
	if want := []payment.Share{{"C", 4000}, {"P", 3000}}; !slices.Equal(shares, want) {
		t.Fatalf("split into %v, want %v", shares, want)
	}
	for i, s := range shares {
		if err := a.Refund(s, payment.Refund{ID: string(rune('a' + i))}, by("fiona")); err != nil {
			t.Fatal(err)
		}
	}
	var refused *refusal.Error
	if _, err := a.Split(4000); !errors.As(err, &refused) || refused.Code != "exceeds_refundable" || *refused.Items[0].Available != 3000 {
		t.Errorf("40 more: %v", err)
	}
	if c, p := a.Payments[1].Refunds[0], a.Payments[0].Refunds[0]; c.Status != payment.RefundSucceeded || p.Status != payment.RefundPending || !a.Owing() {
		t.Errorf("by hand %s, through Stripe %s", c.Status, p.Status)
	}
	// Stripe takes it and gives it up later: it counts no more.
	p := func(status string) payment.News {
		return must[payment.News](t)(a.SeeRefund(payment.StripeRefund{ID: "re_1", RefundID: "b", Intent: "pi_1", Amount: 3000, Currency: "USD", Status: status}, "", by("stripe")))
	}
	if got := []payment.News{p("succeeded"), p("succeeded"), p("failed"), p("succeeded")}; !slices.Equal(got, []payment.News{payment.RefundConfirmed, "", payment.RefundBroke, ""}) {
		t.Errorf("told %v", got)
	}
	if s := a.Sums(); s != (payment.Sums{Paid: 10_000, Refunded: 4000}) || a.Owing() {
		t.Errorf("comes to %+v", s)
	}
	balanced(t, a.News, a.Sums())
}

func TestAMistakeIsReversedOnceAndStays(t *testing.T) {
	t.Parallel()
	var a payment.Account
	add(t, &a, cash("C", 500), cash("D", 500))
	if err := a.Refund(payment.Share{PaymentID: "D", Amount: 1}, payment.Refund{ID: "r"}, by("fiona")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ id, code string }{{"C", ""}, {"C", "wrong_status"}, {"D", "refunded"}, {"X", "not_found"}} {
		if err := a.Reverse(c.id, "typo", by("fiona")); (err != nil) != (c.code != "") || (err != nil && !refusal.Is(err, c.code)) {
			t.Errorf("%s: %v, want %q", c.id, err, c.code)
		}
	}
	if len(a.Payments) != 2 || a.Payments[0].Status != payment.Reversed || a.Sums() != (payment.Sums{Paid: 500, Refunded: 1}) {
		t.Errorf("%+v", a.Payments)
	}
	balanced(t, a.News, a.Sums())
}

func TestADisputeTakesNoMoreThanIsLeft(t *testing.T) {
	t.Parallel()
	var a payment.Account
	add(t, &a, asked("P", 1000, false))
	for _, tell := range (story{intent("succeeded", 1000, ""), refund("re_1", "", 900, "succeeded"), dispute(payment.DisputeOpen)}) {
		must[payment.News](t)(tell(&a))
	}
	if s := a.Sums(); s.Disputed != 100 || a.Payments[0].Refundable() != 0 {
		t.Errorf("open: %+v", s)
	}
	must[payment.News](t)(dispute(payment.DisputeLost)(&a))
	if news := must[payment.News](t)(dispute(payment.DisputeWon)(&a)); news != payment.Nothing {
		t.Errorf("a dispute that is decided was %s", news)
	}
	if s := a.Sums(); s != (payment.Sums{Paid: 1000, Refunded: 1000, Lost: 300}) {
		t.Errorf("lost: %+v", s)
	}
	balanced(t, a.News, a.Sums())
}

func TestOnlyWhatIsAuthorisedIsCapturedAndOnlyWhatIsOpenVoided(t *testing.T) {
	t.Parallel()
	status := map[payment.Status]func(*payment.Account) (payment.News, error){
		payment.Processing: intent("processing", 0, ""), payment.Authorized: intent("requires_capture", 0, ""),
		payment.Succeeded: intent("succeeded", 1000, ""), payment.Cancelled: intent("canceled", 0, ""),
	}
	for s, tell := range status {
		var a payment.Account
		add(t, &a, asked("P", 1000, true))
		must[payment.News](t)(tell(&a))
		b := a.Clone()
		if err := a.AskCapture("P", 0); (err == nil) != (s == payment.Authorized) {
			t.Errorf("capture of one %s: %v", s, err)
		}
		if err := b.AskVoid("P", ""); (err == nil) != s.Open() {
			t.Errorf("void of one %s: %v", s, err)
		}
		if s == payment.Authorized {
			if err := a.AskCapture("P", 0); !refusal.Is(err, "in_progress") {
				t.Errorf("a second capture: %v", err)
			}
			if err := a.Clone().Payments[0].Capture; err != 1000 {
				t.Errorf("to be captured are %d", err)
			}
		}
	}
}

func TestAsksThatCameToNothingMakeRoom(t *testing.T) {
	t.Parallel()
	var a payment.Account
	add(t, &a, cash("C", 1))
	for i := range 3 * payment.MostPayments {
		p := asked(fmt.Sprint("P", i), 1000, false)
		p.Status = payment.Cancelled
		add(t, &a, p)
	}
	if len(a.Payments) != payment.MostPayments || a.Payments[0].ID != "C" || a.Sums().Paid != 1 {
		t.Errorf("%d payments, the first %s", len(a.Payments), a.Payments[0].ID)
	}
	var full payment.Account
	for i := range payment.MostPayments {
		add(t, &full, cash(fmt.Sprint("C", i), 1))
	}
	if err := full.Add(cash("more", 1), by("fiona")); !refusal.Is(err, "too_many_items") {
		t.Errorf("one more: %v", err)
	}
}

func TestAnOrderIsPaidAtThePageThatIsStillOpen(t *testing.T) {
	t.Parallel()
	end := noon.Add(time.Hour)
	p := asked("P", 1000, false)
	p.URL, p.ExpiresAt = "https://checkout.example.com/1", &end
	var a payment.Account
	add(t, &a, cash("C", 1), p)
	for at, want := range map[time.Time]string{noon: p.URL, end: ""} {
		if got := a.PayAt(at); got != want {
			t.Errorf("at %v: %q, want %q", at, got, want)
		}
	}
	must[payment.News](t)(intent("succeeded", 1000, "")(&a))
	if got := a.PayAt(noon); got != "" {
		t.Errorf("what is paid is paid again at %q", got)
	}
}

func TestWhatGoesBackInAnotherCurrencyChangesNothing(t *testing.T) {
	t.Parallel()
	var a payment.Account
	add(t, &a, asked("P", 1000, false))
	must[payment.News](t)(intent("succeeded", 1000, "")(&a))
	_, refunded := a.SeeRefund(payment.StripeRefund{ID: "re_1", Intent: "pi_1", Amount: 5, Currency: "JPY", Status: "succeeded"}, "R", by("stripe"))
	_, disputed := a.SeeDispute(payment.StripeDispute{ID: "dp_1", Intent: "pi_1", Amount: 5, Currency: "JPY", Status: payment.DisputeLost}, by("stripe"))
	var wrong *payment.Mismatch
	if !errors.As(refunded, &wrong) || !errors.As(disputed, &wrong) || a.Sums() != (payment.Sums{Paid: 1000}) {
		t.Errorf("%v, %v: %+v", refunded, disputed, a.Sums())
	}
}
