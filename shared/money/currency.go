package money

import "strings"

// codes lists the ISO 4217 codes of circulating currencies by their number of
// decimal digits (ISO 4217:2015, table A.1, funds and metals left out).
var codes = map[int]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
	3: "BHD IQD JOD KWD LYD OMR TND",
	2: "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY " +
		"COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS " +
		"INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR " +
		"MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD " +
		"SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG",
}

var digits = func() map[string]int {
	m := map[string]int{}
	for n, list := range codes {
		for code := range strings.FieldsSeq(list) {
			m[code] = n
		}
	}
	return m
}()

// Digits returns how many decimal digits the minor unit of a currency has
// (USD 2, JPY 0, BHD 3), and whether the code is known.
func Digits(currency string) (int, bool) {
	n, ok := digits[currency]
	return n, ok
}
