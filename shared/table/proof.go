package table

import "context"

type proofRecord struct {
	PK      string `dynamodbav:"pk"`
	SK      string `dynamodbav:"sk"`
	Run     []byte `dynamodbav:"run"`
	Version int64  `dynamodbav:"version,omitempty"`
}

// Proof reads the last stored run of the stock proof as it was saved, and its
// version; nil before the first.
func (db *DB) Proof(ctx context.Context) (run []byte, version int64, err error) {
	i, err := db.get(ctx, proofKey())
	if err != nil || i == nil {
		return nil, 0, err
	}
	r, err := decode[proofRecord](i)
	return r.Run, r.Version, err
}

// SaveProof adds how far a run of the proof came. The stored run must still
// have version was, so that of two that go on with it one does.
func (tx *Tx) SaveProof(run []byte, was int64) {
	k := proofKey()
	tx.put(proofRecord{PK: k.pk, SK: k.sk, Run: run, Version: was + 1},
		"attribute_not_exists(version) OR version = :was", item{":was": number(was)},
		func(item) error { return stale("the run of", "the proof") })
}
