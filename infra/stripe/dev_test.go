package stripe_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// dev asks the control panel, as a program or as a browser.
func (s *shop) dev(method, target, form, accept string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	s.Dev().ServeHTTP(w, r)
	return w
}

func decode(t *testing.T, w *httptest.ResponseRecorder) object {
	t.Helper()
	var o object
	if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return o
}

func TestThePanelPlaysTheCustomerAndTheBank(t *testing.T) {
	s := open(t, nil)
	id := s.session("")
	paid := decode(t, s.dev(http.MethodPost, "/dev/stripe/"+id+"/succeed", "", "*/*"))
	if ids := paid["events"].([]any); len(ids) != 4 || paid["object"] != id || !object(paid["now"].(map[string]any)).has(object{"status": "complete"}) {
		t.Errorf("paid: %v", paid)
	}
	// It waits for the deliveries.
	s.mu.Lock()
	got := len(s.got)
	s.mu.Unlock()
	if got != 4 {
		t.Errorf("%d events have come, want 4", got)
	}
	s.types()
	intent := s.get(sessions + "/" + id)["payment_intent"].(string)
	decode(t, s.dev(http.MethodPost, "/dev/stripe/"+intent+"/dispute?deliver=none&amount=700", "", ""))
	s.expect("kept back")
	items := decode(t, s.dev(http.MethodGet, "/dev/stripe/events?limit=2", "", ""))["items"].([]any)
	if len(items) != 2 {
		t.Fatalf("events: %v", items)
	}
	newest := object(items[0].(map[string]any))
	if !newest.has(object{"type": "charge.dispute.funds_withdrawn", "delivered": false, "attempts": 0.0}) || !strings.HasPrefix(newest["object"].(string), "du_") {
		t.Errorf("the newest is %v", newest)
	}
	twice := decode(t, s.dev(http.MethodPost, "/dev/stripe/events/"+newest.id()+"/deliver?times=2", "", ""))
	if !twice.has(object{"id": newest.id(), "delivered": true}) {
		t.Errorf("delivered: %v", twice)
	}
	s.expect("twice", "charge.dispute.funds_withdrawn", "charge.dispute.funds_withdrawn")
	s.is("/v1/disputes/"+newest["object"].(string), object{"amount": 700.0})
	decode(t, s.dev(http.MethodPost, "/dev/stripe/"+intent+"/lose", "deliver=twice", ""))
	s.expect("lost", "charge.dispute.closed", "charge.dispute.closed")
}

func TestThePanelSaysWhatCannotBe(t *testing.T) {
	s := open(t, nil)
	intent := s.intent("")
	for target, want := range map[string]int{
		"/dev/stripe/pi_none/succeed":                      http.StatusNotFound,
		"/dev/stripe/" + intent + "/explode":               http.StatusNotFound,
		"/dev/stripe/" + intent + "/win":                   http.StatusConflict,
		"/dev/stripe/" + intent + "/dispute":               http.StatusConflict,
		"/dev/stripe/" + intent + "/succeed?deliver=never": http.StatusBadRequest,
		"/dev/stripe/events/evt_none/deliver":              http.StatusNotFound,
	} {
		if w := s.dev(http.MethodPost, target, "", ""); w.Code != want || !strings.Contains(w.Body.String(), `"message"`) {
			t.Errorf("%s: %d %s, want %d", target, w.Code, w.Body, want)
		}
	}
	s.is(intents+"/"+intent, object{"status": "requires_payment_method"})
}

func TestThePanelShowsEverythingToABrowser(t *testing.T) {
	s := open(t, nil)
	id, intent := s.session(""), s.intent("")
	s.do(intent, "succeed")
	refunded := s.post(refunds, "payment_intent="+intent+"&amount=5").id()
	s.do(intent, "dispute")
	page := s.dev(http.MethodGet, "/dev/stripe/", "", "text/html").Body.String()
	for _, want := range []string{
		id, intent, refunded, "USD 19.98", "USD 20.00", "USD 0.05", "needs_response",
		"/dev/stripe/" + id + "/process", "/dev/stripe/" + refunded + "/fail", "charge.dispute.created", "/deliver?times=2",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the panel lacks %s", want)
		}
	}
	if strings.Contains(page, "//") {
		t.Error("the panel names another site")
	}
	w := s.dev(http.MethodPost, "/dev/stripe/"+id+"/decline", "deliver=now", "text/html,*/*")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/dev/stripe/" {
		t.Errorf("a button leads to %d %s", w.Code, w.Header().Get("Location"))
	}
}

func TestASessionIsPaidOnItsPage(t *testing.T) {
	for action, want := range map[string]struct{ to, status, paid string }{
		"succeed": {"http://shop.test/paid?s=", "complete", "paid"},
		"process": {"http://shop.test/paid?s=", "complete", "unpaid"},
		"decline": {"/dev/stripe/pay/", "open", "unpaid"},
		"abandon": {"http://shop.test/left", "open", "unpaid"},
	} {
		t.Run(action, func(t *testing.T) {
			s := open(t, nil)
			id := s.session("")
			page := s.dev(http.MethodGet, "/dev/stripe/pay/"+id, "", "text/html")
			for _, shown := range []string{"USD 19.98", "Mug &lt;b&gt; × 2", `value="process"`} {
				if !strings.Contains(page.Body.String(), shown) {
					t.Errorf("the page lacks %s", shown)
				}
			}
			w := s.dev(http.MethodPost, "/dev/stripe/pay/"+id, "action="+action, "text/html")
			to := want.to
			if strings.HasSuffix(to, "=") || strings.HasSuffix(to, "/pay/") {
				to += id
			}
			if w.Code != http.StatusSeeOther || w.Header().Get("Location") != to {
				t.Errorf("leads to %d %s, want %s", w.Code, w.Header().Get("Location"), to)
			}
			s.is(sessions+"/"+id, object{"status": want.status, "payment_status": want.paid})
			after := s.dev(http.MethodGet, "/dev/stripe/pay/"+id, "", "text/html").Body.String()
			if strings.Contains(after, "<form") != (want.status == "open") {
				t.Errorf("afterwards the page is\n%s", after)
			}
			if action == "decline" && !strings.Contains(after, "insufficient funds") {
				t.Errorf("it doesn't say why:\n%s", after)
			}
		})
	}
	s := open(t, nil)
	if w := s.dev(http.MethodGet, "/dev/stripe/pay/cs_none", "", ""); w.Code != http.StatusNotFound {
		t.Errorf("a page that isn't there: %d", w.Code)
	}
	if w := s.dev(http.MethodPost, "/dev/stripe/pay/cs_none", "action=succeed", ""); w.Code != http.StatusNotFound {
		t.Errorf("paid all the same: %d", w.Code)
	}
}
