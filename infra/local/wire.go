package local

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda"

	"waybill/functions/audit"
	"waybill/functions/customers"
	"waybill/functions/orders"
	"waybill/functions/products"
	"waybill/functions/shipments"
	"waybill/functions/stock"
	"waybill/functions/stockwatch"
	"waybill/functions/system"
	"waybill/shared/consumer"
	"waybill/shared/gateway"
	"waybill/shared/table"
)

// wire makes Waybill's functions, each as its bootstrap does in the cloud.
func wire(_ context.Context, env Environment) (Functions, error) {
	tokens, err := gateway.NewVerifier(gateway.TokenConfig{Issuer: env.Issuer, ClientIDs: []string{env.ClientID}, Now: env.Now})
	if err != nil {
		return Functions{}, err
	}
	records := table.New(env.DynamoDB, env.Table, env.Now)
	edge := gateway.Edge{
		Tokens:  tokens,
		Records: records,
		Log:     slog.New(slog.NewJSONHandler(env.Log, nil)),
		Now:     env.Now,

		Patience: env.Patience,
	}
	log := consumer.NewLog(env.Log, slog.LevelInfo)
	events := consumer.Edge{Records: records, Log: log, Metrics: env.Log, Now: env.Now}
	functions := Functions{HTTP: map[string]http.Handler{}, Events: map[string]lambda.Handler{
		"StockwatchFunction": lambda.NewHandler(consumer.Lambda(log, stockwatch.New(events))),
		"AuditFunction":      lambda.NewHandler(consumer.Lambda(log, audit.New(events))),
	}}
	for name, build := range map[string]func(gateway.Edge) (http.Handler, error){
		"OrdersFunction":    orders.New,
		"ProductsFunction":  products.New,
		"CustomersFunction": customers.New,
		"StockFunction":     stock.New,
		"ShipmentsFunction": shipments.New,
		"SystemFunction":    system.New,
	} {
		if functions.HTTP[name], err = build(edge); err != nil {
			return Functions{}, fmt.Errorf("build %s: %w", name, err)
		}
	}
	return functions, nil
}
