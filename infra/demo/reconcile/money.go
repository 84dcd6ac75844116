package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"waybill/infra/demo/client"
)

// paid adds the payments to their orders, less what went back of them.
func (s *System) paid(ctx context.Context, api *client.Client) error {
	type payment struct {
		Order              string `json:"order_id"`
		Received, Refunded int64
	}
	return client.Each(ctx, api, "/v1/payments", func(p payment) error {
		number, ours := s.numbers[p.Order]
		if !ours {
			return nil
		}
		o := s.Orders[number]
		o.Paid += p.Received - p.Refunded
		s.Orders[number] = o
		return nil
	})
}

// invoiced adds the invoices to their orders, less what was credited of them,
// and finds the numbers that nobody has and what customers owe.
func (s *System) invoiced(ctx context.Context, api *client.Client) error {
	type invoice struct {
		Number                string
		Order                 string `json:"order_id"`
		Customer              string `json:"customer_id"`
		Currency              string
		Total, Credited, Open int64
	}
	drawn, others := drawn{}, map[account]int64{}
	err := client.Each(ctx, api, "/v1/invoices", func(i invoice) error {
		if err := drawn.add(i.Number); err != nil {
			return err
		}
		number, ours := s.numbers[i.Order]
		if !ours {
			others[account{i.Customer, i.Currency}] += i.Open
			return nil
		}
		o := s.Orders[number]
		o.Invoiced += i.Total - i.Credited
		s.Orders[number] = o
		return nil
	})
	if err != nil {
		return err
	}
	s.Series, s.Gaps = drawn.series()
	return s.owed(ctx, api, others)
}

// A Series is all invoices of one series and year, such as INV-2026.
type Series struct {
	Name  string
	Count int
}

// A Gap is the number of an invoice that there isn't, though there are later ones.
type Gap struct{ Number string }

func (g Gap) String() string { return fmt.Sprintf("no invoice has the number %s", g.Number) }

// drawn are the numbers of invoices, by series.
type drawn map[string]map[int]bool

func (d drawn) add(number string) error {
	cut := strings.LastIndexByte(number, '-')
	n, err := strconv.Atoi(number[cut+1:])
	if cut < 0 || err != nil {
		return fmt.Errorf("%q is no number of an invoice", number)
	}
	name := number[:cut]
	if d[name] == nil {
		d[name] = map[int]bool{}
	}
	if d[name][n] {
		return fmt.Errorf("the list of invoices shows %s twice", number)
	}
	d[name][n] = true
	return nil
}

// series counts the invoices of each series, and finds the gaps below the last of each.
func (d drawn) series() (all []Series, gaps []Gap) {
	for _, name := range slices.Sorted(maps.Keys(d)) {
		all = append(all, Series{name, len(d[name])})
		for n := range slices.Max(slices.Collect(maps.Keys(d[name]))) {
			if !d[name][n+1] {
				gaps = append(gaps, Gap{fmt.Sprintf("%s-%06d", name, n+1)})
			}
		}
	}
	return all, gaps
}

type account struct{ customer, currency string }

// A Debt is what a customer of the file owes, apart from orders that the file does not have.
type Debt struct {
	Customer, Currency string
	Cents              int64
}

func (d Debt) String() string {
	return fmt.Sprintf("%s owes %s %s; by the file everything was paid", d.Customer, dollars(d.Cents), d.Currency)
}

// owed finds what customers of the file owe among the receivables, apart from others.
func (s *System) owed(ctx context.Context, api *client.Client, others map[account]int64) error {
	var receivables struct {
		Items []struct {
			Customer string `json:"customer_id"`
			Name     string `json:"customer_name"`
			Currency string
			Open     int64
		}
	}
	if err := api.Get(ctx, "/v1/receivables", &receivables); err != nil {
		return err
	}
	for _, i := range receivables.Items {
		if debt := i.Open - others[account{i.Customer, i.Currency}]; debt != 0 && s.customers[i.Customer] {
			s.Debts = append(s.Debts, Debt{i.Name, i.Currency, debt})
		}
	}
	return nil
}
