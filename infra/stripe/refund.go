package stripe

import (
	"net/http"
	"net/url"
)

// The statuses of disputes.
const (
	needsResponse = "needs_response"
	won           = "won"
	lost          = "lost"
)

func (s *Server) postRefund(_ string, v url.Values) (any, *problem) {
	c, p := s.refundable(v)
	if p != nil {
		return nil, p
	}
	left := c.AmountCaptured - c.AmountRefunded
	amount, p := number(v, "amount", left)
	switch {
	case p != nil:
		return nil, p
	case left == 0:
		return nil, unexpected("charge_already_refunded", "Charge %s has already been refunded.", c.ID)
	case amount < 1:
		return nil, invalid("amount", "parameter_invalid_integer", "This value must be greater than or equal to 1.")
	case amount > left:
		p := unexpected("", "Refund amount (%d) is greater than unrefunded amount on charge (%d)", amount, left)
		p.Param = "amount"
		return nil, p
	}
	return s.refunded(c, amount, v), nil
}

// refundable is the charge that is to be refunded.
func (s *Server) refundable(v url.Values) (*charge, *problem) {
	c := s.chargeByID(v.Get("charge"))
	if id := v.Get("payment_intent"); id != "" {
		i := s.intentByID(id)
		if i == nil {
			return nil, missing("payment_intent", id)
		}
		if i.Status != succeeded {
			return nil, unexpected("payment_intent_unexpected_state", "This PaymentIntent (%s) does not have a successful charge to refund.", id)
		}
		c = s.chargeOf(i)
	}
	switch {
	case c == nil:
		return nil, invalid("payment_intent", "parameter_missing", "One of the following params should be provided for this request: payment_intent or charge.")
	case !c.Captured:
		return nil, unexpected("charge_not_refundable", "Charge %s can't be refunded.", c.ID)
	}
	d := find(s.state.Disputes, func(d *dispute) bool { return d.Charge == c.ID })
	if d != nil && d.Status != won {
		return nil, unexpected("charge_disputed", "Charge %s has been charged back; cannot issue a refund.", c.ID)
	}
	return c, nil
}

// refunded sends money back: to a card at once, to a bank within days.
func (s *Server) refunded(c *charge, amount int64, v url.Values) *refund {
	r := &refund{
		ID: newID("re_3", 23), Object: "refund", Amount: amount, Charge: c.ID, Created: s.now(), Currency: c.Currency,
		Metadata: pairs(v, "metadata"), PaymentIntent: c.PaymentIntent, Reason: text(v.Get("reason")), Status: succeeded,
	}
	if c.Method.Type == bank {
		r.Status = pending
	}
	s.state.Refunds = append(s.state.Refunds, r)
	c.AmountRefunded += amount
	c.Refunded = c.AmountRefunded == c.AmountCaptured
	s.emit("refund.created", r)
	s.emit("charge.refunded", c)
	if r.Status == succeeded {
		s.emitRefund(r)
	}
	return r
}

func (s *Server) emitRefund(r *refund) {
	s.emit("refund.updated", r)
	s.emit("charge.refund.updated", r)
}

// settleRefund is the bank that takes a refund, or doesn't: even one that succeeded may fail.
func (s *Server) settleRefund(r *refund, status string) *problem {
	if r.Status != pending && (r.Status != succeeded || status != failed) {
		return &problem{
			Status: http.StatusConflict, Type: "invalid_request_error",
			Message: "That can't happen to a refund whose status is " + r.Status + ".",
		}
	}
	r.Status = status
	if status != succeeded {
		c := s.chargeByID(r.Charge)
		c.AmountRefunded -= r.Amount
		c.Refunded = false
	}
	if status == failed {
		r.FailureReason = text("expired_or_canceled_card")
	}
	s.emitRefund(r)
	if status == failed {
		s.emit("refund.failed", r)
	}
	return nil
}

func (s *Server) getRefund(id string, _ url.Values) (any, *problem) {
	r := find(s.state.Refunds, func(r *refund) bool { return r.ID == id })
	if r == nil {
		return nil, missing("refund", id)
	}
	return r, nil
}

func (s *Server) listRefunds(_ string, v url.Values) (any, *problem) {
	var found []*refund
	for _, r := range s.state.Refunds {
		if of := v.Get("payment_intent"); of == "" || of == r.PaymentIntent {
			found = append(found, r)
		}
	}
	return page(found, func(r *refund) string { return r.ID }, func(r *refund) any { return r }, "/v1/refunds", v)
}

// disputed is the customer's bank that wants money back: all that is left,
// unless an amount is given.
func (s *Server) disputed(i *intent, amount int64) *problem {
	c := s.chargeOf(i)
	if i.Status != succeeded || c.Disputed {
		return stuck(i)
	}
	left := c.AmountCaptured - c.AmountRefunded
	if amount == 0 {
		amount = left
	}
	if amount < 1 || amount > c.AmountCaptured {
		return &problem{Status: http.StatusConflict, Type: "invalid_request_error", Message: "Nothing is left to be disputed."}
	}
	d := &dispute{
		ID: newID("du_1", 23), Object: "dispute", Amount: amount, Charge: c.ID, Created: s.now(), Currency: c.Currency,
		Metadata: map[string]string{}, PaymentIntent: i.ID, Reason: "product_not_received", Status: needsResponse,
	}
	s.state.Disputes = append(s.state.Disputes, d)
	c.Disputed = true
	s.emit("charge.dispute.created", d)
	s.emit("charge.dispute.funds_withdrawn", d)
	return nil
}

// settleDispute is the bank's word.
func (s *Server) settleDispute(d *dispute, status string) *problem {
	if d == nil || d.Status != needsResponse {
		return &problem{Status: http.StatusConflict, Type: "invalid_request_error", Message: "There is no open dispute."}
	}
	d.Status = status
	s.emit("charge.dispute.closed", d)
	if status == won {
		d.Refundable = true
		s.emit("charge.dispute.funds_reinstated", d)
	}
	return nil
}

func (s *Server) getDispute(id string, _ url.Values) (any, *problem) {
	d := s.disputeByID(id)
	if d == nil {
		return nil, missing("dispute", id)
	}
	return d, nil
}

func (s *Server) listDisputes(_ string, v url.Values) (any, *problem) {
	var found []*dispute
	for _, d := range s.state.Disputes {
		if of := v.Get("payment_intent"); of == "" || of == d.PaymentIntent {
			found = append(found, d)
		}
	}
	return page(found, func(d *dispute) string { return d.ID }, func(d *dispute) any { return d }, "/v1/disputes", v)
}

func (s *Server) disputeByID(id string) *dispute {
	return find(s.state.Disputes, func(d *dispute) bool { return d.ID == id })
}
