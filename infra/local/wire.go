package local

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda"

	"waybill/functions/audit"
	"waybill/functions/collect"
	"waybill/functions/customers"
	"waybill/functions/deadletters"
	"waybill/functions/deliver"
	"waybill/functions/expire"
	"waybill/functions/invoices"
	"waybill/functions/notifications"
	"waybill/functions/notify"
	"waybill/functions/orders"
	"waybill/functions/payments"
	"waybill/functions/products"
	"waybill/functions/publish"
	"waybill/functions/remind"
	"waybill/functions/settle"
	"waybill/functions/shipments"
	"waybill/functions/stock"
	"waybill/functions/stockwatch"
	"waybill/functions/stripewebhook"
	"waybill/functions/sweep"
	"waybill/functions/system"
	"waybill/functions/tracking"
	"waybill/functions/webhooks"
	"waybill/shared/consumer"
	"waybill/shared/gateway"
	"waybill/shared/notice"
	"waybill/shared/outbound"
	"waybill/shared/table"
	"waybill/shared/telling"
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
	senders := map[notice.Channel]telling.Sender{notice.Email: env.Sender, notice.SMS: env.Sender, notice.Staff: env.Sender}
	links := telling.Links{Base: env.URL, Console: env.URL}
	post := outbound.New(env.Webhooks, net.DefaultResolver, nil)
	functions := Functions{HTTP: map[string]http.Handler{}, Events: map[string]lambda.Handler{
		"StockwatchFunction": perCall(consumer.Lambda(log, stockwatch.New(events))),
		"AuditFunction":      perCall(consumer.Lambda(log, audit.New(events))),
		"SettleFunction":     perCall(consumer.Lambda(log, settle.New(env.Stripe)(events))),
		"SweepFunction":      perCall(consumer.Lambda(log, sweep.New(env.Stripe)(events))),
		"ExpireFunction":     perCall(consumer.Lambda(log, expire.New(env.Stripe)(events))),
		"PublishFunction":    perCall(consumer.Lambda(log, publish.New(env.Topic)(events))),
		"NotifyFunction":     perCall(consumer.Lambda(log, notify.New(senders, links)(events))),
		"DeliverFunction":    perCall(consumer.Lambda(log, deliver.New(post)(events))),
		"CollectFunction":    perCall(consumer.Lambda(log, collect.New(table.NewStream(env.Streams))(events))),
		"RemindFunction":     perCall(consumer.Lambda(log, remind.New(events))),
	}}
	for name, build := range map[string]func(gateway.Edge) (http.Handler, error){
		"OrdersFunction":        orders.New,
		"ProductsFunction":      products.New,
		"CustomersFunction":     customers.New,
		"StockFunction":         stock.New,
		"ShipmentsFunction":     shipments.New,
		"PaymentsFunction":      payments.New(env.Stripe, env.URL),
		"InvoicesFunction":      invoices.New,
		"NotificationsFunction": notifications.New,
		"TrackingFunction":      tracking.New(env.Stripe, env.URL),
		"WebhooksFunction":      webhooks.New(post),
		"DeadLettersFunction":   deadletters.New,
		"StripewebhookFunction": stripewebhook.New(env.Stripe, env.Keys),
		"SystemFunction":        system.New,
	} {
		if functions.HTTP[name], err = build(edge); err != nil {
			return Functions{}, fmt.Errorf("build %s: %w", name, err)
		}
	}
	return functions, nil
}

// perCall is a handler of a function that may be called several times at once:
// Lambda's own keeps one buffer for its answers, for Lambda calls one at a time.
func perCall(function any) lambda.Handler { return calls{function} }

type calls struct{ function any }

// Invoke implements lambda.Handler.
func (c calls) Invoke(ctx context.Context, in []byte) ([]byte, error) {
	return lambda.NewHandler(c.function).Invoke(ctx, in)
}
