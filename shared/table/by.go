package table

import "waybill/shared/access"

// By is who asks for a fact, how a retry of it is known, and which version they saw.
type By struct {
	Principal access.Principal
	Mark      *Mark                     // nil without an Idempotency-Key
	Expect    func(version int64) error // refuses a version that the caller did not see; nil takes any
}

// Expects refuses a version that the caller did not see.
func (b By) Expects(version int64) error {
	if b.Expect == nil {
		return nil
	}
	return b.Expect(version)
}
