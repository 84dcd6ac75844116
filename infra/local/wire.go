package local

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"waybill/functions/customers"
	"waybill/functions/orders"
	"waybill/functions/products"
	"waybill/functions/stock"
	"waybill/functions/system"
	"waybill/shared/gateway"
	"waybill/shared/table"
)

// wire makes Waybill's functions, each as its bootstrap does in the cloud.
func wire(_ context.Context, env Environment) (Functions, error) {
	tokens, err := gateway.NewVerifier(gateway.TokenConfig{Issuer: env.Issuer, ClientIDs: []string{env.ClientID}, Now: env.Now})
	if err != nil {
		return nil, err
	}
	edge := gateway.Edge{
		Tokens:  tokens,
		Records: table.New(env.DynamoDB, env.Table, env.Now),
		Log:     slog.New(slog.NewJSONHandler(env.Log, nil)),
		Now:     env.Now,

		Patience: env.Patience,
	}
	functions := Functions{}
	for name, build := range map[string]func(gateway.Edge) (http.Handler, error){
		"OrdersFunction":    orders.New,
		"ProductsFunction":  products.New,
		"CustomersFunction": customers.New,
		"StockFunction":     stock.New,
		"SystemFunction":    system.New,
	} {
		if functions[name], err = build(edge); err != nil {
			return nil, fmt.Errorf("build %s: %w", name, err)
		}
	}
	return functions, nil
}
