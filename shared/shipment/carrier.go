package shipment

import (
	"net/url"
	"strings"

	"waybill/shared/refusal"
)

// A Carrier is somebody who carries shipments, and where they tell how far one is.
type Carrier struct {
	Name        string
	TrackingURL string // with {number}; "" for a van of one's own
}

// Carriers are those that a fresh system knows.
func Carriers() []Carrier {
	return []Carrier{
		{"SF Express", "https://www.sf-express.com/we/ow/chn/sc/waybill/waybill-detail/{number}"},
		{"YTO", "https://www.yto.net.cn/tracesimple.html?no={number}"},
		{"ZTO", "https://www.zto.com/express/expressCheck.html?txtBill={number}"},
		{"STO", "https://www.sto.cn/pc/service-page/iframe/express?code={number}"},
		{"Yunda", "https://www.yundaex.com/cn/track.php?number={number}"},
		{"EMS", "https://www.ems.com.cn/queryList?mailNum={number}"},
		{"JD", "https://www.jdl.com/orderSearch/?waybillCodes={number}"},
		{"UPS", "https://www.ups.com/track?tracknum={number}"},
		{"FedEx", "https://www.fedex.com/fedextrack/?trknbr={number}"},
		{"DHL", "https://www.dhl.com/global-en/home/tracking.html?tracking-id={number}"},
		{"own van", ""},
	}
}

const placeholder = "{number}"

// CheckCarriers refuses carriers without a name or with the name of another,
// and tracking addresses without a place for the number.
func CheckCarriers(carriers []Carrier) []refusal.Item {
	var wrong []refusal.Item
	seen := map[string]bool{}
	for _, c := range carriers {
		name := strings.ToLower(strings.TrimSpace(c.Name))
		if name == "" || seen[name] {
			wrong = append(wrong, refusal.Item{Field: "carriers.name", Code: "invalid", Detail: "Each carrier has a name of its own."})
		}
		seen[name] = true
		if c.TrackingURL == "" {
			continue
		}
		u, err := url.Parse(strings.ReplaceAll(c.TrackingURL, placeholder, "1"))
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || !strings.Contains(c.TrackingURL, placeholder) {
			wrong = append(wrong, refusal.Item{Field: "carriers.tracking_url", Code: "invalid", Detail: "The tracking address of " + c.Name + " must be an http(s) address with {number} in it."})
		}
	}
	return wrong
}

// Carry sets carrier and tracking number, and the address where the carrier
// tells how far the shipment is. The carrier is found by its name, in capitals
// or not; "" is none.
func (s *Shipment) Carry(carriers []Carrier, name, number string) error {
	s.Carrier, s.TrackingNumber, s.TrackingURL = "", number, ""
	if name == "" {
		return nil
	}
	for _, c := range carriers {
		if !strings.EqualFold(c.Name, strings.TrimSpace(name)) {
			continue
		}
		s.Carrier = c.Name
		if number != "" {
			s.TrackingURL = strings.ReplaceAll(c.TrackingURL, placeholder, url.QueryEscape(number))
		}
		return nil
	}
	known := make([]string, len(carriers))
	for i, c := range carriers {
		known[i] = c.Name
	}
	return refusal.Field("carrier", "unknown_carrier", "The settings name no carrier %q, but %s.", name, strings.Join(known, ", "))
}
