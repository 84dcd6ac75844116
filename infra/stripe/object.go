package stripe

import "encoding/json"

// The objects, as Stripe's API shows them; what Stripe keeps to itself stands
// under hidden, which only the file has. Fields that nobody here reads are left
// out. Amounts are in Stripe's units.

type session struct {
	ID                string            `json:"id"`
	Object            string            `json:"object"`
	AmountSubtotal    int64             `json:"amount_subtotal"`
	AmountTotal       int64             `json:"amount_total"`
	CancelURL         string            `json:"cancel_url"`
	ClientReferenceID *string           `json:"client_reference_id"`
	Created           int64             `json:"created"`
	Currency          string            `json:"currency"`
	CustomerEmail     *string           `json:"customer_email"`
	ExpiresAt         int64             `json:"expires_at"`
	Livemode          bool              `json:"livemode"`
	Locale            *string           `json:"locale"`
	Metadata          map[string]string `json:"metadata"`
	Mode              string            `json:"mode"`
	PaymentIntent     *string           `json:"payment_intent"`
	PaymentMethods    []string          `json:"payment_method_types"`
	PaymentStatus     string            `json:"payment_status"`
	Status            string            `json:"status"`
	SuccessURL        string            `json:"success_url"`
	URL               *string           `json:"url"`
	hidden            sessionHidden
}

type sessionHidden struct {
	Lines    []line
	Capture  string
	Metadata map[string]string // of the intent to be
}

// A line is a row of what is paid on a session's page.
type line struct {
	Name           string
	Quantity, Unit int64
}

// Total is what the line comes to.
func (l line) Total() int64 { return l.Quantity * l.Unit }

type intent struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	Amount             int64             `json:"amount"`
	AmountCapturable   int64             `json:"amount_capturable"`
	AmountReceived     int64             `json:"amount_received"`
	CanceledAt         *int64            `json:"canceled_at"`
	CancellationReason *string           `json:"cancellation_reason"`
	CaptureMethod      string            `json:"capture_method"`
	ClientSecret       string            `json:"client_secret"`
	Created            int64             `json:"created"`
	Currency           string            `json:"currency"`
	Description        *string           `json:"description"`
	LastPaymentError   *paymentError     `json:"last_payment_error"`
	LatestCharge       *string           `json:"latest_charge"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	PaymentMethods     []string          `json:"payment_method_types"`
	ReceiptEmail       *string           `json:"receipt_email"`
	Status             string            `json:"status"`
}

type paymentError struct {
	Code        string `json:"code"`
	DeclineCode string `json:"decline_code,omitempty"`
	Message     string `json:"message"`
	Type        string `json:"type"`
}

// An expandedIntent shows its charge and not only that charge's id.
type expandedIntent struct {
	*intent
	LatestCharge *charge `json:"latest_charge"`
}

type charge struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"`
	Amount         int64             `json:"amount"`
	AmountCaptured int64             `json:"amount_captured"`
	AmountRefunded int64             `json:"amount_refunded"`
	Captured       bool              `json:"captured"`
	Created        int64             `json:"created"`
	Currency       string            `json:"currency"`
	Disputed       bool              `json:"disputed"`
	FailureCode    *string           `json:"failure_code"`
	Livemode       bool              `json:"livemode"`
	Metadata       map[string]string `json:"metadata"`
	Paid           bool              `json:"paid"`
	PaymentIntent  string            `json:"payment_intent"`
	Method         paymentMethod     `json:"payment_method_details"`
	Refunded       bool              `json:"refunded"`
	Status         string            `json:"status"`
}

type paymentMethod struct {
	Type string `json:"type"`
}

type refund struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Charge        string            `json:"charge"`
	Created       int64             `json:"created"`
	Currency      string            `json:"currency"`
	FailureReason *string           `json:"failure_reason,omitempty"`
	Metadata      map[string]string `json:"metadata"`
	PaymentIntent string            `json:"payment_intent"`
	Reason        *string           `json:"reason"`
	Status        string            `json:"status"`
}

type dispute struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Charge        string            `json:"charge"`
	Created       int64             `json:"created"`
	Currency      string            `json:"currency"`
	Livemode      bool              `json:"livemode"`
	Metadata      map[string]string `json:"metadata"`
	PaymentIntent string            `json:"payment_intent"`
	Reason        string            `json:"reason"`
	Refundable    bool              `json:"is_charge_refundable"`
	Status        string            `json:"status"`
}

// An event is kept with what became of its delivery.
type event struct {
	ID, Type  string
	Created   int64
	Object    json.RawMessage // as it was then
	Delivered bool
	Attempts  int
	Auto      bool // it is tried until it is delivered
}

// shown is the event as Stripe's API shows it.
func (e *event) shown() any {
	pending := 1
	if e.Delivered {
		pending = 0
	}
	return map[string]any{
		"id": e.ID, "object": "event", "api_version": APIVersion, "created": e.Created, "livemode": false, "type": e.Type,
		"data":             map[string]any{"object": e.Object},
		"pending_webhooks": pending,
		"request":          map[string]any{"id": nil, "idempotency_key": nil},
	}
}

// text is nil for "", as Stripe shows what there isn't.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
