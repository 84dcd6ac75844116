package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"waybill/shared/api"
)

// grants is who may what, as the table of roles in docs/roles.md says; the code has its own.
var grants = map[string][]string{
	"sales": {
		"orders.read", "orders.write", "customers.read", "customers.add", "customers.write", "products.read", "locations.read", "stock.read", "shipments.read",
		"payments.read", "checkout.write", "invoices.read", "notifications.read",
	},
	"warehouse": {
		"orders.read", "products.read", "locations.read", "stock.read", "stock.move", "movements.read", "stock.proof",
		"stock.count", "shipments.read", "shipments.write", "returns.write", "notifications.read",
	},
	"finance": {
		"orders.read", "customers.read", "customers.write", "products.read", "shipments.read",
		"payments.read", "payments.write", "checkout.write", "refunds.write", "invoices.read", "invoices.write", "notifications.read",
	},
}

// operation is what the contract says of one.
type operation struct {
	method, path, id string
	public           bool
	scopes           []string
}

func operations(t *testing.T) []operation {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]yaml.Node
	}
	if err := yaml.Unmarshal(api.Contract, &doc); err != nil {
		t.Fatal(err)
	}
	var all []operation
	for path, methods := range doc.Paths {
		for method, node := range methods {
			if method == "parameters" {
				continue
			}
			var o struct {
				OperationID string `yaml:"operationId"`
				Security    *[]map[string][]string
			}
			if err := node.Decode(&o); err != nil {
				t.Fatal(err)
			}
			op := operation{method: strings.ToUpper(method), path: path, id: o.OperationID}
			if o.Security == nil {
				t.Fatalf("%s names no permission", op.id)
			}
			op.public = len(*o.Security) == 0
			for _, alternative := range *o.Security {
				op.scopes = append(op.scopes, alternative["token"]...)
			}
			all = append(all, op)
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.id, b.id) })
	return all
}

// filled is the operation's path with things that do not exist.
func (o operation) filled() string {
	return strings.NewReplacer("{id}", "01KAQ3V7Z8M4T6W2Y9X1C5B3N7", "{sku}", "NOTHING", "{location}", "NOWHERE").Replace(o.path)
}

func TestWhatIsNotGrantedIsForbidden(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, op := range operations(t) {
		if !op.public {
			nobody := actor{t: t, url: s.URL()}
			nobody.do(op.method, op.filled(), obj{}).refused(t, 401, "unauthenticated")
			forged := actor{t: t, url: s.URL(), token: "forged." + s.as(t, "manager", "").token}
			forged.do(op.method, op.filled(), obj{}).refused(t, 401, "unauthenticated")
		}
		for _, role := range []string{"sales", "warehouse", "finance", "manager"} {
			granted := role == "manager" || op.public
			if !granted {
				granted = true
				for _, scope := range op.scopes {
					granted = granted && slices.Contains(grants[role], scope)
				}
			}
			r := s.as(t, role, "").do(op.method, op.filled(), obj{})
			switch {
			case !granted:
				r.refused(t, 403, "forbidden")
			case r.status == 401 || r.status == 403 || r.status == 0 || r.status >= 500:
				t.Errorf("%s may %s and gets %d: %s", role, op.id, r.status, r.raw)
			}
		}
		for _, scope := range op.scopes {
			with, err := s.MachineToken("waybill/" + scope)
			if err != nil {
				t.Fatal(err)
			}
			if r := (actor{t: t, url: s.URL(), token: with}).do(op.method, op.filled(), obj{}); r.status == 403 || r.status == 401 {
				t.Errorf("a machine with %s gets %d at %s", scope, r.status, op.id)
			}
			without, err := s.MachineToken("waybill/none other/" + scope)
			if err != nil {
				t.Fatal(err)
			}
			(actor{t: t, url: s.URL(), token: without}).do(op.method, op.filled(), obj{}).refused(t, 403, "forbidden")
		}
	}
}

func TestForeignOrdersDoNotExist(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 100})
	sally, sam := s.as(t, "sales", "sally"), s.as(t, "sales", "sam")
	owned := str(sally.post("/v1/customers", obj{"name": "Hers"}).want(t, 201)["id"])
	order := func(a actor, customer string) string {
		body := s.order("MUG", 1)
		body["customer_id"] = customer
		return str(a.post("/v1/orders", body).want(t, 201)["id"])
	}
	ofHerCustomer := order(s.manager, owned) // hers, though a manager entered it
	entered := order(sally, s.customer)      // hers, though the customer has no salesperson
	bySam := order(sam, owned)               // his by entry and hers by customer

	visible := map[string][]string{"sally": {ofHerCustomer, entered, bySam}, "sam": {bySam}}
	for _, a := range []struct {
		name string
		actor
	}{{"sally", sally}, {"sam", sam}} {
		list := string(a.get("/v1/orders?limit=100").raw)
		for _, id := range []string{ofHerCustomer, entered, bySam} {
			sees := slices.Contains(visible[a.name], id)
			if strings.Contains(list, id) != sees {
				t.Errorf("%s: order %s in the list: %v, want %v", a.name, id, !sees, sees)
			}
			status := a.get("/v1/orders/" + id).status
			if (status == 200) != sees || (status != 200 && status != 404) {
				t.Errorf("%s reads %s: %d", a.name, id, status)
			}
		}
	}
	for _, op := range operations(t) {
		if !strings.HasPrefix(op.path, "/v1/orders/{id}") {
			continue
		}
		body := any(nil)
		switch op.id {
		case "editOrder":
			body = obj{"note": "mine now"}
		case "holdOrder":
			body = obj{"reason": "because"}
		case "shipOrder":
			body = obj{}
		case "returnOrder":
			body = obj{"lines": picks("MUG", 1), "reason": "because"}
		case "recordPayment":
			body = obj{"method": "cash", "amount": 1}
		case "refundOrder":
			body = obj{"reason": "because"}
		case "checkout", "createPaymentIntent", "issueInvoice":
			body = obj{}
		}
		path := strings.Replace(op.path, "{id}", entered, 1)
		stranger := sam
		if !slices.Contains(grants["sales"], op.scopes[0]) {
			token, err := s.MachineToken("waybill/" + op.scopes[0])
			if err != nil {
				t.Fatal(err)
			}
			stranger.token = token
		}
		stranger.do(op.method, path, body, "If-Match", "*").refused(t, 404, "not_found")
	}
	for path, body := range map[string]obj{
		"/v1/customers/" + owned:      {"owner": "sam"},
		"/v1/customers/" + s.customer: {"owner": "sam"},
	} {
		sam.patch(path, "*", body).refused(t, 403, "forbidden")
	}
	sam.post("/v1/customers", obj{"name": "Another's", "owner": "sally"}).refused(t, 403, "forbidden")
	if o := s.manager.get("/v1/orders/"+entered).want(t, 200); num(t, o["version"]) != 1 || o["on_hold"] == true {
		t.Errorf("a foreign order was changed: %v", o)
	}
	sam.get("/v1/orders?owner=sally").want(t, 200)
	if list := sam.get("/v1/orders?owner=sally").body(t); len(list["items"].([]any)) != 0 {
		t.Errorf("another's list: %v", list)
	}
}

// moneyFields must not reach those who see no prices.
var moneyFields = []string{
	"unit_price", "discount", "discount_bp", "tax", "total", "subtotal", "order_discount", "paid", "refunded", "balance",
	"payment_status", "credited", "authorized", "amount", "pay_by", "prices", "unit_cost", "average_cost", "value", "terms", "credit_limit", "was_total", "currency",
}

func TestTheWarehouseSeesGoodsAndNoMoney(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 100})
	placed := str(s.manager.post("/v1/orders", s.order("MUG", 1)).want(t, 201)["id"])
	draft := s.order("MUG", 1)
	draft["confirm"] = false
	hidden := str(s.manager.post("/v1/orders", draft).want(t, 201)["id"])

	w := s.as(t, "warehouse", "")
	w.get("/v1/orders/"+hidden).refused(t, 404, "not_found")
	for _, path := range []string{
		"/v1/orders/" + placed, "/v1/orders", "/v1/orders/" + placed + "/events", "/v1/products", "/v1/products/MUG",
		"/v1/stock", "/v1/stock/MUG", "/v1/stock/MUG/movements",
	} {
		v := w.get(path).want(t, 200)
		for _, name := range moneyFields {
			if has(v, name) {
				t.Errorf("GET %s shows the warehouse %s: %v", path, name, v)
			}
		}
	}
	if list := w.get("/v1/orders").body(t)["items"].([]any); len(list) != 1 {
		t.Errorf("the warehouse sees %d orders, want the one to be shipped", len(list))
	}
	moved := w.post("/v1/stock/movements", obj{"kind": "receive", "sku": "MUG", "location": "MAIN", "quantity": 1, "unit_cost": 5}).want(t, 201)
	if has(moved, "unit_cost") || has(moved, "value") {
		t.Errorf("shown back: %v", moved)
	}
	sales := s.as(t, "sales", "")
	if v := sales.get("/v1/stock/MUG").want(t, 200); has(v, "average_cost") || has(v, "value") {
		t.Errorf("sales sees costs: %v", v)
	}
	if v := s.manager.get("/v1/stock/MUG").want(t, 200); !has(v, "average_cost") {
		t.Errorf("the manager sees no costs: %v", v)
	}
}

// has looks for a field anywhere in a value.
func has(v any, name string) bool {
	switch v := v.(type) {
	case obj:
		if _, ok := v[name]; ok {
			return true
		}
		for _, e := range v {
			if has(e, name) {
				return true
			}
		}
	case []any:
		for _, e := range v {
			if has(e, name) {
				return true
			}
		}
	}
	return false
}

func TestFieldsNeedPermissionsToo(t *testing.T) {
	t.Parallel()
	s := newShop(t, map[string]int64{"MUG": 100})
	sales, finance := s.as(t, "sales", ""), s.as(t, "finance", "")
	priced := s.order("MUG", 1)
	priced["lines"] = []obj{{"sku": "MUG", "quantity": 1, "unit_price": 1}}
	sales.post("/v1/orders", priced).refused(t, 403, "forbidden")
	if o := s.manager.post("/v1/orders", priced).want(t, 201); num(t, o["total"]) != 1 {
		t.Errorf("the manager's price: %v", o["total"])
	}
	sales.post("/v1/customers", obj{"name": "Big", "credit_limit": 100}).refused(t, 403, "forbidden")
	path := "/v1/customers/" + s.customer
	sales.patch(path, "*", obj{"credit_limit": 100}).refused(t, 403, "forbidden")
	finance.patch(path, "*", obj{"name": "Renamed"}).refused(t, 403, "forbidden")
	finance.patch(path, "*", obj{"credit_limit": 100000}).want(t, 200)
	sales.patch(path, "*", obj{"name": "Renamed"}).want(t, 200)

	discounted := s.order("MUG", 10)
	discounted["order_discount_bp"] = 1500
	o := sales.post("/v1/orders", discounted).want(t, 201)
	if o["status"] != "draft" || o["on_hold"] != true || o["hold_reason"] != "approval" {
		t.Fatalf("a discount above the limit: %v", o)
	}
	s.wantStock(t, "MUG", levels{100, 1, 99})
	release := fmt.Sprintf("/v1/orders/%s/release", o["id"])
	sales.post(release, nil).refused(t, 403, "forbidden")
	sales.post(fmt.Sprintf("/v1/orders/%s/confirm", o["id"]), nil).refused(t, 409, "on_hold")
	if o := s.manager.post(release, nil).want(t, 200); o["status"] != "confirmed" || o["on_hold"] != false {
		t.Errorf("released: %v", o)
	}
	s.wantStock(t, "MUG", levels{100, 11, 89})

	denials := s.manager.get("/v1/audit?type=access.denied").want(t, 200)["items"].([]any)
	seen, _ := json.Marshal(denials)
	for _, want := range []string{"placeOrder", "createCustomer", "editCustomer", "releaseOrder"} {
		if !strings.Contains(string(seen), "access/"+want) {
			t.Errorf("the denial of %s is not in the audit trail: %s", want, seen)
		}
	}
}
