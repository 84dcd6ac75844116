package paper

import (
	"strconv"
	"strings"
)

// texts are the words of one language.
type texts struct {
	lang                                 string // of the PDF, BCP 47
	day, minute                          string // layouts of time.Format
	page                                 string // with the page and how many there are
	deliveryNote, pickList               string
	shipTo, customer                     string
	date, printed, order, reference      string
	from, carrier, tracking, packages    string
	weight, shipper, scan, taxID, note   string
	sku, name, unit, quantity, ordered   string
	remaining, bin, of, total            string
	received, signer, signature, signDay string

	// Of invoices and credit notes.
	invoice, correction, ofInvoice, reason string
	billTo, issued, due, currency          string
	unitPrice, discount, tax, on           string
	amount, amountWithTax, net, sum        string
	takenOff, paid, open                   string
	payment, scanToPay                     string
}

var english = texts{
	lang: "en", day: "2 January 2006", minute: "2 January 2006, 15:04", page: "Page %d of %d",
	deliveryNote: "Delivery note", pickList: "Pick list",
	shipTo: "Ship to", customer: "Customer",
	date: "Date", printed: "Printed", order: "Order", reference: "Your reference",
	from: "From", carrier: "Carrier", tracking: "Tracking", packages: "Packages",
	weight: "Weight", shipper: "Packed by", scan: "Track it", taxID: "Tax ID", note: "Note",
	sku: "SKU", name: "Description", unit: "Unit", quantity: "Quantity", ordered: "Ordered",
	remaining: "To follow", bin: "Bin", of: "of", total: "Total units",
	received: "Received complete and in good order", signer: "Name", signature: "Signature", signDay: "Date",
	invoice: "Invoice", correction: "Credit note", ofInvoice: "Of invoice", reason: "Reason",
	billTo: "Bill to", issued: "Date", due: "Due", currency: "Currency",
	unitPrice: "Unit price", discount: "Discount", tax: "Tax", on: "on",
	amount: "Amount", amountWithTax: "Amount incl. tax", net: "Without tax", sum: "Total",
	takenOff: "Credited", paid: "Paid", open: "To pay",
	payment: "Payment of", scanToPay: "Scan to pay",
}

var chinese = texts{
	lang: "zh", day: "2006年1月2日", minute: "2006年1月2日 15:04", page: "第 %d 页，共 %d 页",
	deliveryNote: "送货单", pickList: "拣货单",
	shipTo: "收货地址", customer: "客户",
	date: "日期", printed: "打印时间", order: "订单号", reference: "客户单号",
	from: "发货地", carrier: "承运商", tracking: "运单号", packages: "件数",
	weight: "重量", shipper: "装箱人", scan: "扫码查件", taxID: "税号", note: "备注",
	sku: "货号", name: "品名", unit: "单位", quantity: "数量", ordered: "订购数量",
	remaining: "待发", bin: "库位", of: "共", total: "合计数量",
	received: "以上货物已如数收讫，完好无损", signer: "收货人", signature: "签字", signDay: "日期",
	invoice: "发票", correction: "贷项通知单", ofInvoice: "原发票号", reason: "原因",
	billTo: "付款方", issued: "开票日期", due: "付款期限", currency: "币种",
	unitPrice: "单价", discount: "折扣", tax: "税率", on: "计税金额",
	amount: "金额", amountWithTax: "含税金额", net: "不含税金额", sum: "合计",
	takenOff: "已冲减", paid: "已付", open: "待付",
	payment: "付款信息", scanToPay: "扫码付款",
}

// textsOf returns the words for a BCP 47 locale.
func textsOf(locale string) texts {
	language, _, _ := strings.Cut(strings.ReplaceAll(locale, "_", "-"), "-")
	if strings.EqualFold(language, "zh") {
		return chinese
	}
	return english
}

// count writes a number with a comma before every third digit.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	if n < 0 {
		return "-" + grouped(digits[1:])
	}
	return grouped(digits)
}

func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// weight writes grams, from a kilogram on as kilograms to the gram.
func weight(grams int64) string {
	if grams < 1000 {
		return count(grams) + " g"
	}
	kilos := count(grams / 1000)
	if rest := grams % 1000; rest != 0 {
		kilos += "." + strings.TrimRight(strconv.FormatInt(1000+rest, 10)[1:], "0")
	}
	return kilos + " kg"
}
