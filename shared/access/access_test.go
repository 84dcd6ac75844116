package access_test

import (
	"errors"
	"slices"
	"testing"

	"waybill/shared/access"
	"waybill/shared/refusal"
)

// The table of roles as the business wants it; a manager may do everything.
var may = map[access.Permission][]access.Role{
	access.OrdersRead:     {access.Sales, access.Warehouse, access.Finance},
	access.OrdersWrite:    {access.Sales},
	access.OrdersImport:   {},
	access.OrdersApprove:  {},
	access.OrdersPrice:    {},
	access.OrdersAll:      {access.Finance},
	access.OrdersFulfil:   {access.Warehouse},
	access.ProductsRead:   {access.Sales, access.Warehouse, access.Finance},
	access.ProductsWrite:  {},
	access.CustomersRead:  {access.Sales, access.Finance},
	access.CustomersAdd:   {access.Sales},
	access.CustomersWrite: {access.Sales, access.Finance},
	access.CustomersEdit:  {access.Sales},
	access.CustomersLimit: {access.Finance},
	access.LocationsRead:  {access.Sales, access.Warehouse},
	access.LocationsWrite: {},
	access.StockRead:      {access.Sales, access.Warehouse},
	access.StockMove:      {access.Warehouse},
	access.MovementsRead:  {access.Warehouse},
	access.StockProof:     {access.Warehouse},
	access.StockCount:     {access.Warehouse},
	access.ShipmentsRead:  {access.Sales, access.Warehouse, access.Finance},
	access.ShipmentsWrite: {access.Warehouse},
	access.ReturnsWrite:   {access.Warehouse},
	access.PaymentsRead:   {access.Sales, access.Finance}, // and not the warehouse, here and below
	access.PaymentsWrite:  {access.Finance},
	access.PaymentsOver:   {access.Finance},
	access.CheckoutWrite:  {access.Sales, access.Finance},
	access.RefundsWrite:   {access.Finance},
	access.InvoicesRead:   {access.Sales, access.Finance},
	access.InvoicesWrite:  {access.Finance},
	access.SettingsRead:   {},
	access.SettingsWrite:  {},
	access.AuditRead:      {},
	access.PricesRead:     {access.Sales, access.Finance}, // and not the warehouse
	access.CostsRead:      {},
	access.CustomersOwner: {},
	access.NoticesRead:    {access.Sales, access.Warehouse, access.Finance},
	access.WebhooksRead:   {},
	access.WebhooksWrite:  {},
	access.EventsRead:     {},
	access.LettersRead:    {},
	access.LettersWrite:   {},
}

func TestRolesMayWhatTheirTableSaysAndNothingElse(t *testing.T) {
	if len(may) != len(access.Permissions) {
		t.Errorf("%d permissions are decided on, there are %d", len(may), len(access.Permissions))
	}
	for _, perm := range access.Permissions {
		for _, role := range access.Roles {
			p := access.Principal{ID: "x", Roles: []access.Role{role}}
			want := role == access.Manager || slices.Contains(may[perm], role)
			if p.May(perm) != want {
				t.Errorf("%s may %s: %v", role, perm, !want)
			}
			err := p.Require(perm)
			var refused *refusal.Error
			if (err == nil) != want || (err != nil && (!errors.As(err, &refused) || refused.Kind != refusal.Denied)) {
				t.Errorf("%s requires %s: %v", role, perm, err)
			}
		}
	}
}

func TestWhatNobodyGrantedIsDenied(t *testing.T) {
	for name, p := range map[string]access.Principal{
		"nobody":          {},
		"an unknown role": {Roles: []access.Role{"admin", ""}},
		"a role as scope": {Scopes: []access.Permission{"manager"}},
	} {
		if got := p.Granted(); len(got) != 0 {
			t.Errorf("%s has %v", name, got)
		}
	}
}

func TestRolesAndScopesAddUp(t *testing.T) {
	p := access.Principal{Roles: []access.Role{access.Warehouse, access.Finance}, Scopes: []access.Permission{access.OrdersImport}}
	for _, perm := range []access.Permission{access.StockMove, access.PricesRead, access.OrdersImport} {
		if !p.May(perm) {
			t.Errorf("may not %s", perm)
		}
	}
	if p.May(access.OrdersWrite) || p.May(access.ProductsWrite) {
		t.Errorf("may %v", p.Granted())
	}
	machine := access.Principal{Scopes: []access.Permission{access.StockRead, access.OrdersRead}}
	if got := machine.Granted(); !slices.Equal(got, []access.Permission{access.OrdersRead, access.StockRead}) {
		t.Errorf("a machine has %v", got)
	}
}

func TestSightIsAsWideAsTheWidestRole(t *testing.T) {
	for _, c := range []struct {
		p    access.Principal
		want access.Sight
	}{
		{access.Principal{}, access.SeesOwn},
		{access.Principal{Roles: []access.Role{access.Sales}}, access.SeesOwn},
		{access.Principal{Roles: []access.Role{access.Warehouse}}, access.SeesFulfil},
		{access.Principal{Roles: []access.Role{access.Sales, access.Warehouse}}, access.SeesFulfil},
		{access.Principal{Roles: []access.Role{access.Warehouse, access.Finance}}, access.SeesAll},
		{access.Principal{Roles: []access.Role{access.Manager}}, access.SeesAll},
		{access.Principal{Scopes: []access.Permission{access.OrdersRead}}, access.SeesOwn},
		{access.Principal{Scopes: []access.Permission{access.OrdersAll}}, access.SeesAll},
	} {
		if got := c.p.Sight(); got != c.want {
			t.Errorf("%+v sees %d, want %d", c.p, got, c.want)
		}
	}
}
