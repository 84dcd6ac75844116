package stripe

import (
	"net/http"
	"net/url"
	"slices"
)

// The statuses of intents; charges and refunds share some.
const (
	requiresMethod  = "requires_payment_method"
	requiresCapture = "requires_capture"
	processing      = "processing"
	succeeded       = "succeeded"
	canceled        = "canceled"
	pending         = "pending"
	failed          = "failed"
)

// The ways to pay: at once, and by a debit that takes days.
const (
	card = "card"
	bank = "us_bank_account"
)

func (s *Server) postIntent(_ string, v url.Values) (any, *problem) {
	currency := v.Get("currency")
	if currency == "" {
		return nil, invalid("currency", "parameter_missing", "Missing required param: currency.")
	}
	amount, p := number(v, "amount", 0)
	if p == nil {
		p = checkAmount("amount", currency, amount)
	}
	if p != nil {
		return nil, p
	}
	i := s.newIntent(amount, currency, capture(v.Get("capture_method")), pairs(v, "metadata"))
	i.Description, i.ReceiptEmail = text(v.Get("description")), text(v.Get("receipt_email"))
	return s.shownIntent(i, v), nil
}

func (s *Server) newIntent(amount int64, currency, method string, metadata map[string]string) *intent {
	id := newID("pi_3", 23)
	i := &intent{
		ID: id, Object: "payment_intent", Amount: amount, CaptureMethod: method, ClientSecret: newID(id+"_secret_", 25),
		Created: s.now(), Currency: currency, Metadata: metadata, PaymentMethods: []string{card, bank}, Status: requiresMethod,
	}
	s.state.Intents = append(s.state.Intents, i)
	s.emit("payment_intent.created", i)
	return i
}

func (s *Server) getIntent(id string, v url.Values) (any, *problem) {
	i := s.intentByID(id)
	if i == nil {
		return nil, missing("payment_intent", id)
	}
	return s.shownIntent(i, v), nil
}

func (s *Server) postCapture(id string, v url.Values) (any, *problem) {
	i := s.intentByID(id)
	if i == nil {
		return nil, missing("payment_intent", id)
	}
	amount, p := number(v, "amount_to_capture", i.AmountCapturable)
	if p == nil {
		p = s.captured(i, amount)
	}
	return s.shownIntent(i, v), p
}

// captured takes an amount of what was authorised, once.
func (s *Server) captured(i *intent, amount int64) *problem {
	switch {
	case i.Status != requiresCapture:
		return unexpected("payment_intent_unexpected_state",
			"This PaymentIntent could not be captured because it has a status of %s. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.", i.Status)
	case amount < 1:
		return invalid("amount_to_capture", "parameter_invalid_integer", "This value must be greater than or equal to 1.")
	case amount > i.AmountCapturable:
		return invalid("amount_to_capture", "amount_too_large", "The amount to capture is greater than the amount that can be captured.")
	}
	i.Status, i.AmountReceived, i.AmountCapturable = succeeded, amount, 0
	c := s.chargeOf(i)
	c.Captured, c.AmountCaptured = true, amount
	s.emit("charge.captured", c)
	s.emit("payment_intent.succeeded", i)
	s.advance(i)
	return nil
}

func (s *Server) postCancel(id string, v url.Values) (any, *problem) {
	i := s.intentByID(id)
	if i == nil {
		return nil, missing("payment_intent", id)
	}
	reason := v.Get("cancellation_reason")
	return s.shownIntent(i, v), s.cancelIntent(i, reason)
}

func (s *Server) cancelIntent(i *intent, reason string) *problem {
	if i.Status != requiresMethod && i.Status != requiresCapture {
		return unexpected("payment_intent_unexpected_state",
			"You cannot cancel this PaymentIntent because it has a status of %s. Only a PaymentIntent with one of the following statuses may be canceled: requires_payment_method, requires_capture.", i.Status)
	}
	if c := find(s.state.Sessions, func(c *session) bool { return c.PaymentIntent != nil && *c.PaymentIntent == i.ID }); c != nil && c.Status == open {
		return unexpected("payment_intent_unexpected_state", "You cannot cancel this PaymentIntent: it belongs to an open Checkout Session, which can be expired.")
	}
	s.cancelled(i, reason)
	return nil
}

func (s *Server) cancelled(i *intent, reason string) {
	now := s.now()
	i.Status, i.AmountCapturable, i.CanceledAt, i.CancellationReason = canceled, 0, &now, text(reason)
	s.emit("payment_intent.canceled", i)
}

// pay is the customer's card that works, or the debit that comes in.
func (s *Server) pay(i *intent) *problem {
	switch i.Status {
	case requiresMethod:
		i.LastPaymentError = nil
		c := s.newCharge(i, card, succeeded)
		if i.CaptureMethod == "manual" {
			i.Status, i.AmountCapturable = requiresCapture, i.Amount
			s.emit("charge.succeeded", c)
			s.emit("payment_intent.amount_capturable_updated", i)
			break
		}
		s.received(i, c)
	case processing:
		s.received(i, s.chargeOf(i))
	case requiresCapture:
		return s.captured(i, i.AmountCapturable)
	default:
		return stuck(i)
	}
	s.advance(i)
	return nil
}

func (s *Server) received(i *intent, c *charge) {
	i.Status, i.AmountReceived = succeeded, i.Amount
	c.Status, c.Paid, c.Captured, c.AmountCaptured = succeeded, true, true, i.Amount
	s.emit("payment_intent.succeeded", i)
	s.emit("charge.succeeded", c)
}

// process is a debit that takes days.
func (s *Server) process(i *intent) *problem {
	if i.Status != requiresMethod || i.CaptureMethod == "manual" {
		return stuck(i)
	}
	i.Status, i.LastPaymentError = processing, nil
	c := s.newCharge(i, bank, pending)
	s.emit("payment_intent.processing", i)
	s.emit("charge.pending", c)
	s.advance(i)
	return nil
}

// decline is a card that doesn't work, or a debit that comes to nothing.
func (s *Server) decline(i *intent) *problem {
	c, reason := s.chargeOf(i), &paymentError{
		Code: "card_declined", DeclineCode: "insufficient_funds", Message: "Your card has insufficient funds.", Type: "card_error",
	}
	switch i.Status {
	case requiresMethod:
		c = s.newCharge(i, card, failed)
	case processing:
		reason = &paymentError{Code: "payment_method_provider_decline", Message: "The bank returned the debit.", Type: "card_error"}
	default:
		return stuck(i)
	}
	late := i.Status == processing
	i.Status, i.LastPaymentError = requiresMethod, reason
	c.Status, c.Paid, c.FailureCode = failed, false, &reason.Code
	s.emit("charge.failed", c)
	s.emit("payment_intent.payment_failed", i)
	if late {
		s.advance(i)
	}
	return nil
}

// stuck refuses an action in the control panel.
func stuck(i *intent) *problem {
	return &problem{
		Status: http.StatusConflict, Type: "invalid_request_error", Code: "payment_intent_unexpected_state",
		Message: "That can't happen to a payment whose status is " + i.Status + " and capture method " + i.CaptureMethod + ".",
	}
}

func (s *Server) newCharge(i *intent, method, status string) *charge {
	c := &charge{
		ID: newID("ch_3", 23), Object: "charge", Amount: i.Amount, Created: s.now(), Currency: i.Currency, Metadata: i.Metadata,
		Paid: status == succeeded, PaymentIntent: i.ID, Method: paymentMethod{Type: method}, Status: status,
	}
	s.state.Charges = append(s.state.Charges, c)
	i.LatestCharge = &c.ID
	return c
}

func (s *Server) intentByID(id string) *intent {
	return find(s.state.Intents, func(i *intent) bool { return i.ID == id })
}

func (s *Server) chargeByID(id string) *charge {
	return find(s.state.Charges, func(c *charge) bool { return c.ID == id })
}

func (s *Server) chargeOf(i *intent) *charge {
	if i.LatestCharge == nil {
		return nil
	}
	return s.chargeByID(*i.LatestCharge)
}

func (s *Server) shownIntent(i *intent, v url.Values) any {
	if c := s.chargeOf(i); c != nil && slices.Contains(these(v, "expand"), "latest_charge") {
		return expandedIntent{i, c}
	}
	return i
}
