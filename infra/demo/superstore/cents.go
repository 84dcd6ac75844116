package superstore

import (
	"fmt"
	"math/big"
	"regexp"
)

// big.Rat would also read fractions and exponents.
var decimalForm = regexp.MustCompile(`^-?[0-9]{1,10}(\.[0-9]{1,10})?$`)

// decimal reads a number like -383.031 exactly.
func decimal(text string) (*big.Rat, error) {
	if decimalForm.MatchString(text) {
		if r, ok := new(big.Rat).SetString(text); ok {
			return r, nil
		}
	}
	return nil, fmt.Errorf("%q is no decimal number", text)
}

// cents reads an amount of dollars like 957.5775.
func cents(text string) (*big.Rat, error) {
	r, err := decimal(text)
	if err != nil {
		return nil, err
	}
	return r.Mul(r, big.NewRat(100, 1)), nil
}

// share is a whole's nth part.
func share(whole *big.Rat, n int64) *big.Rat {
	return new(big.Rat).Quo(whole, big.NewRat(n, 1))
}

// halfUp rounds what is not negative to the nearest integer, a half upwards.
func halfUp(r *big.Rat) int64 {
	return floor(new(big.Rat).Add(r, big.NewRat(1, 2)))
}

// ceil rounds what is not negative up.
func ceil(r *big.Rat) int64 {
	n := floor(r)
	if !r.IsInt() {
		n++
	}
	return n
}

func floor(r *big.Rat) int64 {
	return new(big.Int).Quo(r.Num(), r.Denom()).Int64()
}
