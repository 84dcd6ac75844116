package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/golang-jwt/jwt/v5"

	"waybill/functions/orders"
	"waybill/shared/gateway"
	"waybill/shared/table"
)

// A counter is the orders function in this process, as Lambda invokes it, over
// a client of its own.
type counter struct {
	shop   *shop
	invoke func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)
}

func openCounter(s *shop, client *dynamodb.Client, now func() time.Time) (*counter, error) {
	issuer, clientID, err := s.issuer()
	if err != nil {
		return nil, err
	}
	tokens, err := gateway.NewVerifier(gateway.TokenConfig{Issuer: issuer, ClientIDs: []string{clientID}, Now: now})
	if err != nil {
		return nil, err
	}
	h, err := orders.New(gateway.Edge{
		Tokens: tokens, Records: table.New(client, tableName, now), Log: slog.New(slog.DiscardHandler), Now: now,
	})
	if err != nil {
		return nil, err
	}
	return &counter{shop: s, invoke: gateway.Lambda(h)}, nil
}

// issuer is who signed the seller's token, and for which client.
func (s *shop) issuer() (url, clientID string, err error) {
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(s.seller, claims); err != nil {
		return "", "", fmt.Errorf("read our own token: %w", err)
	}
	url, _ = claims["iss"].(string)
	clientID, _ = claims["client_id"].(string)
	return url, clientID, nil
}

// event is the event of an order's POST, under a new idempotency key.
func (s *shop) event(body []byte) (events.APIGatewayV2HTTPRequest, error) {
	r, err := http.NewRequest(http.MethodPost, s.system.URL()+"/v1/orders", bytes.NewReader(body))
	if err != nil {
		return events.APIGatewayV2HTTPRequest{}, fmt.Errorf("make a request: %w", err)
	}
	setHeaders(r, s.seller)
	id := r.Header.Get("Idempotency-Key") // as good a request id as any
	return gateway.Event(r, body, id, nil, "POST /v1/orders"), nil
}

// place has the function take an order; anything but a 201 is an error.
func (c *counter) place(ctx context.Context, body []byte) error {
	event, err := c.shop.event(body)
	if err != nil {
		return err
	}
	answer, err := c.invoke(ctx, event)
	if err != nil {
		return fmt.Errorf("place an order: %w", err)
	}
	return created(answer)
}

func created(answer events.APIGatewayV2HTTPResponse) error {
	if answer.StatusCode != http.StatusCreated {
		return fmt.Errorf("place an order: status %d: %s", answer.StatusCode, answer.Body)
	}
	return nil
}

// encoded is what Lambda would hand to the program.
func (s *shop) encoded(body []byte) ([]byte, error) {
	event, err := s.event(body)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("encode an event: %w", err)
	}
	return text, nil
}
