package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"waybill/shared/ident"
	"waybill/shared/table"
)

// An Environment is what the variables of an HTTP function say.
//
//	TABLE_NAME       the table
//	OIDC_ISSUER      the issuer of tokens, a URL
//	OIDC_CLIENT_IDS  the clients whose tokens are taken, separated by commas
//	OIDC_JWKS_URL    the issuer's keys, where they are not at the usual place
//	LOG_LEVEL        DEBUG, INFO (the default), WARN or ERROR
//
// The AWS variables are the SDK's own (package table).
type Environment struct {
	Table     string
	Issuer    string
	ClientIDs []string
	JWKSURL   string
	LogLevel  slog.Level
}

// ReadEnvironment reads the variables and reports everything wrong with them at once.
func ReadEnvironment(env func(string) string) (Environment, error) {
	e := Environment{Table: env("TABLE_NAME"), Issuer: env("OIDC_ISSUER"), JWKSURL: env("OIDC_JWKS_URL")}
	var wrong []error
	if e.Table == "" {
		wrong = append(wrong, errors.New("TABLE_NAME is not set"))
	}
	if e.Issuer == "" {
		wrong = append(wrong, errors.New("OIDC_ISSUER is not set"))
	}
	for id := range strings.SplitSeq(env("OIDC_CLIENT_IDS"), ",") {
		if id = strings.TrimSpace(id); id != "" {
			e.ClientIDs = append(e.ClientIDs, id)
		}
	}
	if len(e.ClientIDs) == 0 {
		wrong = append(wrong, errors.New("OIDC_CLIENT_IDS is not set"))
	}
	if level := env("LOG_LEVEL"); level != "" {
		if err := e.LogLevel.UnmarshalText([]byte(level)); err != nil {
			wrong = append(wrong, fmt.Errorf("LOG_LEVEL: %w", err))
		}
	}
	return e, errors.Join(wrong...)
}

// Open opens the table and the token verifier that the environment names.
// Neither asks anything of the network yet.
func (e Environment) Open(env func(string) string) (Edge, error) {
	now := ident.New().Now
	db, err := table.Open(env, e.Table, now)
	if err != nil {
		return Edge{}, err
	}
	tokens, err := NewVerifier(TokenConfig{Issuer: e.Issuer, ClientIDs: e.ClientIDs, JWKSURL: e.JWKSURL, Now: now})
	if err != nil {
		return Edge{}, err
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: e.LogLevel}))
	return Edge{Tokens: tokens, Records: db, Log: log, Now: time.Now}, nil
}

// Serve is the whole of an HTTP function's main: it reads the environment,
// builds the function and hands it to Lambda. It does not return.
func Serve(build func(Edge) (http.Handler, error)) {
	handler, err := boot(build)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
	lambda.StartWithOptions(handler, lambda.WithContext(context.Background()))
}

func boot(build func(Edge) (http.Handler, error)) (any, error) {
	env, err := ReadEnvironment(os.Getenv)
	if err != nil {
		return nil, err
	}
	edge, err := env.Open(os.Getenv)
	if err != nil {
		return nil, err
	}
	h, err := build(edge)
	if err != nil {
		return nil, err
	}
	return Lambda(h), nil
}
