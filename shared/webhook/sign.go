package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A Secret is what events are signed with: whsec_ and 32 bytes in base 64. It
// is printed and encoded as stars; string(s) is what it says.
type Secret string

const secretPrefix = "whsec_"

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return secretPrefix + "***"
}

// GoString hides the secret.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText hides the secret from JSON and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// NewSecret draws a secret.
func NewSecret(random io.Reader) (Secret, error) {
	var key [32]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return "", fmt.Errorf("draw a secret: %w", err)
	}
	return Secret(secretPrefix + base64.StdEncoding.EncodeToString(key[:])), nil
}

// Overlap is how long the secret before the last one is signed with as well.
const Overlap = 24 * time.Hour

// Rotate gives the endpoint another secret.
func (e *Endpoint) Rotate(next Secret, at time.Time) {
	e.Previous, e.PreviousUntil, e.Secret = e.Secret, at.Add(Overlap), next
}

// Headers are those of the Standard Webhooks scheme for an attempt to send body.
// The id is the event's, the same at every attempt; a receiver knows by it what it has.
func (e Endpoint) Headers(id string, body []byte, at time.Time) (map[string]string, error) {
	var signatures []string
	for _, s := range e.signers(at) {
		signature, err := s.sign(id, body, at)
		if err != nil {
			return nil, err
		}
		signatures = append(signatures, signature)
	}
	return map[string]string{
		"webhook-id":        id,
		"webhook-timestamp": strconv.FormatInt(at.Unix(), 10),
		"webhook-signature": strings.Join(signatures, " "),
		"content-type":      "application/json",
		"user-agent":        "Waybill",
	}, nil
}

func (e Endpoint) signers(at time.Time) []Secret {
	if e.Previous != "" && at.Before(e.PreviousUntil) {
		return []Secret{e.Secret, e.Previous}
	}
	return []Secret{e.Secret}
}

func (s Secret) sign(id string, body []byte, at time.Time) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(s), secretPrefix))
	if err != nil {
		return "", fmt.Errorf("decode a secret: it is no base 64") // what it is stays unsaid
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}
