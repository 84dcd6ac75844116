package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"waybill/infra/dynamolocal"
	"waybill/infra/local"
	"waybill/infra/template"
	"waybill/shared/ident"
	"waybill/shared/stock"
	"waybill/shared/table"
)

const (
	tableName = "bench"
	plenty    = 1_000_000 // of each in stock
	each      = 2         // units of each line
)

// A shop is a running Waybill in the memory of a DynamoDB Local of its own,
// with goods to sell and customers to sell them to.
type shop struct {
	db     *dynamolocal.Server
	client *dynamodb.Client
	system *local.System
	http   *http.Client
	seller string            // a salesperson's token
	skus   []string          // in stock
	plain  string            // a customer without addresses
	homed  string            // a customer with a billing and a shipping address
	names  names             // of orders that are entered past the system
	under  http.RoundTripper // the client of the table; nil is the usual one
}

type obj = map[string]any

// openShop starts a shop with so many SKUs.
func openShop(ctx context.Context, root string, goods int) (*shop, error) {
	s := &shop{names: names{ids: ident.New()}, http: &http.Client{Transport: dynamolocal.NewTransport()}}
	if err := s.open(ctx, root, goods); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *shop) open(ctx context.Context, root string, goods int) error {
	path := filepath.Join(root, "template.yaml")
	tmpl, err := template.Load(path)
	if err != nil {
		return err
	}
	if s.db, err = dynamolocal.Start(ctx, dynamolocal.Options{Home: local.Home(root)}); err != nil {
		return err
	}
	s.client = dynamolocal.NewClient(s.db.Endpoint(), s.under)
	if err := dynamolocal.CreateTable(ctx, s.client, tmpl.Table(), tableName); err != nil {
		return err
	}
	return s.start(ctx, path, goods)
}

// start runs the system on the shop's table and fills it.
func (s *shop) start(ctx context.Context, templateFile string, goods int) (err error) {
	s.system, err = local.Start(ctx, local.Config{Template: templateFile, Client: s.client, Table: tableName, Patience: 2 * time.Minute})
	if err != nil {
		return err
	}
	if s.seller, err = s.system.Token("sales", ""); err != nil {
		return err
	}
	manager, err := s.system.Token("manager", "")
	if err != nil {
		return err
	}
	return s.furnish(ctx, manager, goods)
}

func (s *shop) close() {
	if s.system != nil {
		s.system.Stop()
	}
	if s.db != nil {
		s.db.Stop()
	}
}

// furnish brings in the goods and the customers.
func (s *shop) furnish(ctx context.Context, manager string, goods int) (err error) {
	address := func(line1, city, state, code string) obj {
		return obj{"name": "Claire Gute", "company": "Gute Furnishings", "line1": line1, "city": city, "state": state, "postal_code": code, "country": "US", "phone": "+12705550100"}
	}
	if s.plain, err = s.create(ctx, manager, "/v1/customers", obj{"name": "Claire Gute", "email": "claire@example.com"}); err != nil {
		return err
	}
	if s.homed, err = s.create(ctx, manager, "/v1/customers", obj{
		"name": "Claire Gute", "email": "claire@example.com", "terms": obj{"kind": "net", "days": 30},
		"billing_address": address("1 Main Street", "Henderson", "Kentucky", "42420"), "shipping_address": address("23 Harbour Road", "Los Angeles", "California", "90036"),
	}); err != nil {
		return err
	}
	for i := range goods {
		sku := fmt.Sprintf("FUR-BO-%08d", 10_000_000+i)
		s.skus = append(s.skus, sku)
		if _, err := s.create(ctx, manager, "/v1/products", obj{"sku": sku, "name": fmt.Sprintf("Bush Somerset Bookcase %03d", i), "prices": obj{"USD": 26196}}); err != nil {
			return err
		}
		if _, err := s.create(ctx, manager, "/v1/stock/movements", obj{"kind": "receive", "sku": sku, "location": stock.Main.Code, "quantity": plenty, "unit_cost": 1}); err != nil {
			return err
		}
	}
	return nil
}

// create posts and returns the id of what was made, if it has one.
func (s *shop) create(ctx context.Context, token, path string, body obj) (string, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("encode a request: %w", err)
	}
	return s.made(ctx, token, path, encoded)
}

// place places an order and returns its id.
func (s *shop) place(ctx context.Context, body []byte) (string, error) {
	return s.made(ctx, s.seller, "/v1/orders", body)
}

func (s *shop) made(ctx context.Context, token, path string, body []byte) (string, error) {
	answer, err := s.post(ctx, token, path, body)
	if err != nil {
		return "", err
	}
	var made struct{ ID string }
	if err := json.Unmarshal(answer, &made); err != nil {
		return "", fmt.Errorf("decode an answer: %w", err)
	}
	return made.ID, nil
}

// post does one POST under a new idempotency key; any answer but 201 is an error.
func (s *shop) post(ctx context.Context, token, path string, body []byte) ([]byte, error) {
	return s.send(ctx, path, body, http.StatusCreated, func(r *http.Request) { setHeaders(r, token) })
}

// send does one POST; any answer but the one that is wanted is an error.
func (s *shop) send(ctx context.Context, path string, body []byte, want int, set func(*http.Request)) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.system.URL()+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	set(r)
	resp, err := s.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("post %s: %w", path, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("post %s: %w", path, err)
	}
	if resp.StatusCode != want {
		return nil, fmt.Errorf("post %s: %s: %s", path, resp.Status, answer)
	}
	return answer, nil
}

func setHeaders(r *http.Request, token string) {
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", rand.Text())
}

// bodies are encoded orders of two lines, confirmed at once; each SKU is in one of them.
func (s *shop) bodies(customer string) ([][]byte, error) {
	out := make([][]byte, len(s.skus)/2)
	for i := range out {
		var err error
		out[i], err = json.Marshal(obj{"customer_id": customer, "currency": "USD", "confirm": true, "lines": []obj{
			{"sku": s.skus[2*i], "quantity": each}, {"sku": s.skus[2*i+1], "quantity": each},
		}})
		if err != nil {
			return nil, fmt.Errorf("encode an order: %w", err)
		}
	}
	return out, nil
}

// reserved is what all stock items have reserved, together.
func (s *shop) reserved(ctx context.Context, db *table.DB) (int64, error) {
	places := make([]stock.Place, len(s.skus))
	for i, sku := range s.skus {
		places[i] = stock.Place{SKU: sku, Location: stock.Main.Code}
	}
	items, err := db.Stock(ctx, places)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, i := range items {
		if i.Available != i.OnHand-i.Reserved {
			return 0, fmt.Errorf("stock of %s: %d available of %d with %d reserved", i.SKU, i.Available, i.OnHand, i.Reserved)
		}
		sum += i.Reserved
	}
	return sum, nil
}
