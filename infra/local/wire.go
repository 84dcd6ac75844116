package local

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda"

	"waybill/functions/audit"
	"waybill/functions/customers"
	"waybill/functions/expire"
	"waybill/functions/invoices"
	"waybill/functions/orders"
	"waybill/functions/payments"
	"waybill/functions/products"
	"waybill/functions/settle"
	"waybill/functions/shipments"
	"waybill/functions/stock"
	"waybill/functions/stockwatch"
	"waybill/functions/stripewebhook"
	"waybill/functions/sweep"
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
		"SettleFunction":     lambda.NewHandler(consumer.Lambda(log, settle.New(env.Stripe)(events))),
		"SweepFunction":      lambda.NewHandler(consumer.Lambda(log, sweep.New(env.Stripe)(events))),
		"ExpireFunction":     lambda.NewHandler(consumer.Lambda(log, expire.New(env.Stripe)(events))),
	}}
	for name, build := range map[string]func(gateway.Edge) (http.Handler, error){
		"OrdersFunction":        orders.New,
		"ProductsFunction":      products.New,
		"CustomersFunction":     customers.New,
		"StockFunction":         stock.New,
		"ShipmentsFunction":     shipments.New,
		"PaymentsFunction":      payments.New(env.Stripe, env.URL),
		"InvoicesFunction":      invoices.New,
		"StripewebhookFunction": stripewebhook.New(env.Stripe, env.Keys),
		"SystemFunction":        system.New,
	} {
		if functions.HTTP[name], err = build(edge); err != nil {
			return Functions{}, fmt.Errorf("build %s: %w", name, err)
		}
	}
	return functions, nil
}
