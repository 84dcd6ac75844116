// Package access says who may do what: permissions, the roles that bundle
// them, and which orders a principal sees. Everything not granted is denied.
package access

import (
	"slices"

	"waybill/shared/refusal"
)

// A Permission is the right to use some operations of the API. The contract
// names the permission of each operation as its OAuth scope.
type Permission string

// The permissions of the API. Those marked (fields) guard fields and choices
// inside an operation rather than an operation of their own.
const (
	OrdersRead     Permission = "orders.read"
	OrdersWrite    Permission = "orders.write"   // place, edit, confirm, cancel, hold, release, complete
	OrdersImport   Permission = "orders.import"  // bulk import with historical dates
	OrdersApprove  Permission = "orders.approve" // (fields) release orders that wait for approval
	OrdersPrice    Permission = "orders.price"   // (fields) set a line's unit price by hand
	OrdersAll      Permission = "orders.all"     // (fields) see and change orders of every owner
	OrdersFulfil   Permission = "orders.fulfil"  // (fields) see the orders that are to be shipped or shipped
	ProductsRead   Permission = "products.read"
	ProductsWrite  Permission = "products.write"
	CustomersRead  Permission = "customers.read"
	CustomersAdd   Permission = "customers.add"
	CustomersWrite Permission = "customers.write"
	CustomersEdit  Permission = "customers.edit"   // (fields) everything of a customer but the two below
	CustomersLimit Permission = "customers.credit" // (fields) the credit limit
	CustomersOwner Permission = "customers.assign" // (fields) whose customer it is: its owner sees all its orders
	LocationsRead  Permission = "locations.read"
	LocationsWrite Permission = "locations.write"
	StockRead      Permission = "stock.read"
	StockMove      Permission = "stock.move"
	MovementsRead  Permission = "movements.read"
	StockCount     Permission = "stock.count"
	StockProof     Permission = "stock.proof"
	ShipmentsRead  Permission = "shipments.read"
	ShipmentsWrite Permission = "shipments.write" // ship, correct, undo, deliver
	ReturnsWrite   Permission = "returns.write"
	PaymentsRead   Permission = "payments.read"
	PaymentsWrite  Permission = "payments.write"   // record, capture, void, reverse
	PaymentsOver   Permission = "payments.overpay" // (fields) take more than is to pay
	CheckoutWrite  Permission = "checkout.write"   // have customers pay at Stripe
	RefundsWrite   Permission = "refunds.write"
	InvoicesRead   Permission = "invoices.read"
	InvoicesWrite  Permission = "invoices.write"
	NoticesRead    Permission = "notifications.read" // the feed in the app
	WebhooksRead   Permission = "webhooks.read"
	WebhooksWrite  Permission = "webhooks.write"
	EventsRead     Permission = "events.read" // everything that happened, with amounts
	LettersRead    Permission = "dead_letters.read"
	LettersWrite   Permission = "dead_letters.write"
	SettingsRead   Permission = "settings.read"
	SettingsWrite  Permission = "settings.write"
	AuditRead      Permission = "audit.read"
	PricesRead     Permission = "prices.read" // (fields) prices, totals and payments
	CostsRead      Permission = "costs.read"  // (fields) unit costs and stock values
)

// A Role is a staff member's job; it arrives as a group in the token.
type Role string

// The four roles of staff.
const (
	Sales     Role = "sales"
	Warehouse Role = "warehouse"
	Finance   Role = "finance"
	Manager   Role = "manager"
)

// Roles lists every role.
var Roles = []Role{Sales, Warehouse, Finance, Manager}

// Permissions lists every permission there is.
var Permissions = []Permission{
	OrdersRead, OrdersWrite, OrdersImport, OrdersApprove, OrdersPrice, OrdersAll, OrdersFulfil,
	ProductsRead, ProductsWrite,
	CustomersRead, CustomersAdd, CustomersWrite, CustomersEdit, CustomersLimit, CustomersOwner,
	LocationsRead, LocationsWrite, StockRead, StockMove, MovementsRead, StockCount, StockProof,
	ShipmentsRead, ShipmentsWrite, ReturnsWrite,
	PaymentsRead, PaymentsWrite, PaymentsOver, CheckoutWrite, RefundsWrite, InvoicesRead, InvoicesWrite,
	NoticesRead, WebhooksRead, WebhooksWrite, EventsRead, LettersRead, LettersWrite,
	SettingsRead, SettingsWrite, AuditRead, PricesRead, CostsRead,
}

// granted is the table of roles. A manager may do everything.
var granted = map[Role][]Permission{
	Sales: {
		OrdersRead, OrdersWrite, CustomersRead, CustomersAdd, CustomersWrite, CustomersEdit,
		ProductsRead, LocationsRead, StockRead, PricesRead, ShipmentsRead, PaymentsRead, CheckoutWrite, InvoicesRead,
		NoticesRead,
	},
	Warehouse: {
		OrdersRead, OrdersFulfil, ProductsRead, LocationsRead, StockRead, StockMove, MovementsRead, StockCount, StockProof,
		ShipmentsRead, ShipmentsWrite, ReturnsWrite, NoticesRead,
	},
	Finance: {
		OrdersRead, OrdersAll, CustomersRead, CustomersWrite, CustomersLimit, ProductsRead, PricesRead, ShipmentsRead,
		PaymentsRead, PaymentsWrite, PaymentsOver, CheckoutWrite, RefundsWrite, InvoicesRead, InvoicesWrite,
		NoticesRead,
	},
	Manager: Permissions,
}

// A Principal is who makes a request: a member of staff or a machine client.
type Principal struct {
	ID     string       // the token's subject; owner of what it enters
	Name   string       // the login name, for people to read
	Roles  []Role       // a member of staff's roles
	Scopes []Permission // a machine client's permissions
}

// May reports whether p has the permission by one of its roles or scopes.
func (p Principal) May(want Permission) bool {
	if slices.Contains(p.Scopes, want) {
		return true
	}
	for _, r := range p.Roles {
		if slices.Contains(granted[r], want) {
			return true
		}
	}
	return false
}

// Require returns a refusal of kind Denied that names the permission, unless p has it.
func (p Principal) Require(want Permission) error {
	if p.May(want) {
		return nil
	}
	return refusal.New(refusal.Denied, "forbidden", "This needs the permission %s.", want)
}

// Granted returns every permission of p, in the order of Permissions.
func (p Principal) Granted() []Permission {
	out := []Permission{}
	for _, perm := range Permissions {
		if p.May(perm) {
			out = append(out, perm)
		}
	}
	return out
}

// Sight is which orders a principal sees.
type Sight int

// From nothing but its own orders to all of them.
const (
	SeesOwn    Sight = iota // orders of its own customers and those it entered
	SeesFulfil              // those, and orders to be shipped and shipped
	SeesAll                 // every order
)

// Sight returns which orders p sees.
func (p Principal) Sight() Sight {
	switch {
	case p.May(OrdersAll):
		return SeesAll
	case p.May(OrdersFulfil):
		return SeesFulfil
	default:
		return SeesOwn
	}
}
