package notice

// Preferences are by which ways a customer wants to be told. Version counts the
// customer's choices; 0 is that there was none.
type Preferences struct {
	CustomerID string
	Token      string // what makes the link to them; "" while there is none
	Email, SMS bool
	Version    int64
}

// Unchosen are the preferences of a customer who chose nothing: to be told.
func Unchosen(customerID string) Preferences {
	return Preferences{CustomerID: customerID, Email: true, SMS: true}
}

// Allow reports whether the customer wants to be told by a channel.
func (p Preferences) Allow(ch Channel) bool {
	return ch != Email && ch != SMS || ch == Email && p.Email || ch == SMS && p.SMS
}
