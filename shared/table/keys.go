package table

import (
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"waybill/shared/access"
	"waybill/shared/event"
	"waybill/shared/order"
	"waybill/shared/stock"
)

// Every key of the table is made in this file; README.md has the patterns they serve.

// A key names an item.
type key struct{ pk, sk string }

func orderKey(id string) key              { return key{"ORDER#" + id, "ORDER"} }
func orderEntryKey(id string) key         { return key{"ORDER#" + id, "ENTRY"} }
func orderNumberKey(number string) key    { return key{"NUMBER#" + number, "NUMBER"} }
func productKey(sku string) key           { return key{"PRODUCT#" + sku, "PRODUCT"} }
func customerKey(id string) key           { return key{"CUSTOMER#" + id, "CUSTOMER"} }
func customerReferenceKey(ref string) key { return key{"REFERENCE#" + ref, "REFERENCE"} }
func locationsKey() key                   { return key{"LOCATIONS", "LOCATIONS"} }
func settingsKey() key                    { return key{"SETTINGS", "SETTINGS"} }
func proofKey() key                       { return key{"PROOF", "PROOF"} }
func levelKey(sku string) key             { return key{"LEVEL#" + sku, "LEVEL"} }
func stockKey(p stock.Place) key          { return key{stockPartition(p.SKU), stockPrefix + p.Location} }
func movementKey(sku, id string) key      { return key{stockPartition(sku), movementPrefix + id} }
func shipmentKey(id string) key           { return key{"SHIPMENT#" + id, "SHIPMENT"} }
func returnKey(id string) key             { return key{"RETURN#" + id, "RETURN"} }
func transferKey(id string) key           { return key{"TRANSFER#" + id, "TRANSFER"} }
func countKey(id string) key              { return key{"COUNT#" + id, "COUNT"} }
func countLineKey(id, sku string) key     { return key{countKey(id).pk, linePrefix + sku} }
func accountKey(orderID string) key       { return key{orderKey(orderID).pk, "ACCOUNT"} }
func expiryKey(orderID string) key        { return key{orderKey(orderID).pk, "EXPIRY"} }
func unsettledKey(orderID string) key     { return key{orderKey(orderID).pk, "UNSETTLED"} }
func paymentKey(id string) key            { return key{"PAYMENT#" + id, "PAYMENT"} }
func stripeKey(id string) key             { return key{"STRIPE#" + id, "STRIPE"} }
func reviewKey(id string) key             { return key{"REVIEW#" + id, "REVIEW"} }
func sweepKey() key                       { return key{"SWEEP", "SWEEP"} }
func moneyProofKey() key                  { return key{"MONEYPROOF", "MONEYPROOF"} }
func creditKey(customerID string) key     { return key{customerKey(customerID).pk, "CREDIT"} }
func invoiceKey(id string) key            { return key{"INVOICE#" + id, "INVOICE"} }
func receivableKey(invoiceID string) key  { return key{invoiceKey(invoiceID).pk, "OPEN"} }
func creditNoteKey(id string) key         { return key{"CREDITNOTE#" + id, "CREDITNOTE"} }
func invoiceNumberKey(number string) key  { return key{"INVOICENUMBER#" + number, "NUMBER"} }
func invoiceCreditKey(invoiceID, id string) key {
	return key{invoiceKey(invoiceID).pk, creditPrefix + id}
}
func counterKey(series string, year int) key {
	return key{"COUNTER#" + series + "#" + strconv.Itoa(year), "COUNTER"}
}
func entryKey(orderID string, n int64) key {
	return key{orderKey(orderID).pk, entryPrefix + sequence(n)}
}
func waitKey(sku string, o order.Order) key {
	return key{stockPartition(sku), waitPrefix + milliseconds(o.WaitingSince()) + "#" + o.ID}
}
func preferencesKey(customerID string) key { return key{customerKey(customerID).pk, "PREFERENCES"} }
func trackingKey(orderID string) key       { return key{orderKey(orderID).pk, "TRACKING"} }
func readerKey(principal string) key       { return key{"READER#" + principal, "READER"} }
func homeKey() key                         { return key{"HOME", "HOME"} }
func publishedKey() key                    { return key{"PUBLISHED", "PUBLISHED"} }
func remindedKey() key                     { return key{"REMINDED", "REMINDED"} }
func letterKey(id string) key              { return key{"DEADLETTER#" + id, "DEADLETTER"} }
func lettersKey() key                      { return key{"DEADLETTERS", "DEADLETTERS"} }
func endpointsKey() key                    { return key{"ENDPOINTS", "ENDPOINTS"} }
func endpointKey(id string) key            { return key{"ENDPOINT#" + id, "ENDPOINT"} }
func courierKey(endpointID string) key     { return key{endpointKey(endpointID).pk, "COURIER"} }
func attemptKey(endpointID, id string) key {
	return key{endpointKey(endpointID).pk, attemptPrefix + id}
}

// A link is found by the hash of its token: a key says nothing of its neighbours.
func trackKey(hash string) key  { return key{"TRACK#" + hash, "TRACK"} }
func optOutKey(hash string) key { return key{"OPTOUT#" + hash, "OPTOUT"} }

// A notification stands beside the events of what it is about.
func noticeKey(s event.Subject, id string) key { return key{eventPartition(s), noticePrefix + id} }

// A cap counts what one recipient got on a day; the recipient is a hash.
func capKey(channel, recipient, day string) key {
	return key{"CAP#" + channel + "#" + recipient + "#" + day, "CAP"}
}

// How far an endpoint was sent a subject's events, and that there are more.
func cursorKey(endpointID string, s event.Subject) key {
	return key{endpointKey(endpointID).pk, cursorPrefix + s.String()}
}
func pendingKey(endpointID string, s event.Subject) key {
	return key{endpointKey(endpointID).pk, pendingPrefix + s.String()}
}
func markKey(digest string) key        { return key{"MARK#" + digest, "MARK"} }
func stockPartition(sku string) string { return stockPK + sku }

// PlaceOf returns whose key this is, when it is that of a stock item.
func PlaceOf(pk, sk string) (stock.Place, bool) {
	sku, ok := strings.CutPrefix(pk, stockPK)
	location, also := strings.CutPrefix(sk, stockPrefix)
	return stock.Place{SKU: sku, Location: location}, ok && also && sku != "" && location != ""
}

// WaitsFor returns the SKU that somebody waits for, when this is the key of such an entry.
func WaitsFor(pk, sk string) (sku string, ok bool) {
	sku, ok = strings.CutPrefix(pk, stockPK)
	return sku, ok && sku != "" && strings.HasPrefix(sk, waitPrefix)
}

func eventPartition(s event.Subject) string {
	switch s.Kind {
	case event.Order:
		return orderKey(s.ID).pk
	case event.Product:
		return productKey(s.ID).pk
	case event.Customer:
		return customerKey(s.ID).pk
	default:
		return eventsPK + s.String()
	}
}

// An event sorts by its sequence, a denial, which has none, by its id.
func eventKey(e event.Event) key {
	if e.Seq == 0 {
		return key{eventPartition(e.Subject) + "#" + e.ID, eventPrefix + e.ID}
	}
	return key{eventPartition(e.Subject), eventPrefix + sequence(e.Seq)}
}

// StockAvailable is the attribute of a stock item that says how many units are free.
const StockAvailable = "available"

const (
	eventsPK       = "EVENTS#"
	stockPK        = "STOCK#"
	stockPrefix    = "LOCATION#"
	movementPrefix = "MOVEMENT#"
	eventPrefix    = "EVENT#"
	waitPrefix     = "WAITS#"
	linePrefix     = "LINE#"
	entryPrefix    = "MONEY#"
	creditPrefix   = "CREDIT#"
	noticePrefix   = "NOTICE#"
	attemptPrefix  = "ATTEMPT#"
	cursorPrefix   = "CURSOR#"
	pendingPrefix  = "PENDING#"
)

// milliseconds writes a moment after 1969 so that it sorts as text.
func milliseconds(at time.Time) string {
	s := strconv.FormatInt(at.UnixMilli(), 10)
	return "00000000000000"[:max(0, 14-len(s))] + s
}

// sequence writes n so that it sorts as text.
func sequence(n int64) string {
	s := strconv.FormatInt(n, 10)
	return "0000000000"[:max(0, 10-len(s))] + s
}

// The lists that an index holds. A list that every write of a kind goes to is
// split over shards by the item's id, so that no partition key takes all of a
// month's writes; reading merges them.
const shards = 4

// An index and the attribute that is its partition key; all sort by `at`.
type index struct{ name, hash string }

var (
	recentIndex   = index{"recent", "recent"}
	statusIndex   = index{"status", "by_status"}
	customerIndex = index{"customer", "by_customer"}
	ownerIndex    = index{"owner", "by_owner"}
)

const (
	ordersList    = "ORDERS"
	productsList  = "PRODUCTS"
	customersList = "CUSTOMERS"
	shipmentsList = "SHIPMENTS"
	transfersList = "TRANSFERS"
	countsList    = "COUNTS"
	eventsList    = "EVENTS"

	paymentsList    = "PAYMENTS"
	reviewsList     = "REVIEWS"
	invoicesList    = "INVOICES"
	expiryList      = "EXPIRY"      // by when they are to be paid
	receivablesList = "RECEIVABLES" // by when they are due
	unsettledList   = "UNSETTLED"   // by when they were left

	noticesDueList  = "NOTICES" // notifications by when they are to be tried
	noticesSentList = "SENDING" // those handed over, by when: what stays here got no answer
	lettersList     = "LETTERS" // dead letters that wait
	lettersDoneList = "HANDLED" // and those that do no more
)

func ordersByStatus(s order.Status) string      { return "ORDERS#" + string(s) }
func ordersByOwner(owner string) string         { return "ORDERS#" + owner }
func ordersByCustomer(customer string) string   { return "ORDERS#" + customer }
func customersByOwner(owner string) string      { return "CUSTOMERS#" + owner }
func invoicesByOwner(owner string) string       { return "INVOICES#" + owner }
func invoicesByCustomer(customer string) string { return "INVOICES#" + customer }
func feedOfRole(r access.Role) string           { return "FEED#role/" + string(r) }
func feedOfPerson(principal string) string      { return "FEED#user/" + principal }
func shipmentsByOwner(owner string) string      { return "SHIPMENTS#" + owner }

// sharded is the partition of a list that an item with this id is in.
func sharded(list, id string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // a hash never fails to take bytes
	return shard(list, int(h.Sum32()%shards))
}

func shard(list string, n int) string { return list + "#" + strconv.Itoa(n) }

// allShards returns every partition of the lists.
func allShards(lists ...string) []string {
	var out []string
	for _, l := range lists {
		for n := range shards {
			out = append(out, shard(l, n))
		}
	}
	return out
}
