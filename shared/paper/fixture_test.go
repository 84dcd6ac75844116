package paper_test

import (
	"fmt"
	"time"

	"waybill/shared/paper"
)

var shipped = time.Date(2026, 11, 23, 17, 30, 0, 0, time.UTC)

// inEnglish is a delivery note of n lines; what they are named makes them of different heights.
func inEnglish(n int) paper.DeliveryNote {
	names := []string{
		"Blue mug", "Tea set for six, stoneware, with a bamboo tray", "Filter paper No. 4",
		"Travel press 0.35 l, double-walled stainless steel, dishwasher safe, in a gift box with a ribbon and two spare filters",
	}
	d := paper.DeliveryNote{
		Locale: "en-GB",
		Company: paper.Company{
			Name: "Waybill Trading Ltd", Email: "orders@waybill.example", Phone: "+44 20 7946 0000", TaxID: "GB 123 4567 89",
			Address: []string{"1 Harbour Road", "London E1 6AN", "United Kingdom"},
		},
		Number: "DN-2611-4K7M2Q", Order: "SO-2611-7K3M9Q", Reference: "PO-4711",
		ShipTo:   []string{"Zoë Łukasiewicz", "Gute & Söhne GmbH", "ul. Piotrkowska 104", "90-926 Łódź", "Poland"},
		Location: "Main warehouse", ShippedAt: shipped,
		Carrier: "DHL Express", Tracking: "JD014600006228974823", TrackingURL: "https://track.example/JD014600006228974823",
		Packages: 3, WeightGrams: 12_340, Shipper: "Walter",
		Note: "Leave it at the back door if nobody answers.",
	}
	for i := range n {
		q := int64(i*37%50 + 1)
		d.Lines = append(d.Lines, paper.Line{
			SKU: sku(i), Name: names[i%len(names)], Unit: "pcs",
			Quantity: q, Ordered: q + int64(i%3), Remaining: int64(i % 3),
		})
	}
	return d
}

// inChinese is a delivery note of n lines with the vocabulary of a general store.
func inChinese(n int) paper.DeliveryNote {
	d := inEnglish(n)
	d.Locale = "zh-CN"
	d.Company.Name = "上海运单贸易有限公司"
	d.Company.Address = []string{"上海市浦东新区世纪大道100号", "环球金融中心25楼", "邮编 200120"}
	d.ShipTo = []string{"王小明", "北京智慧办公用品有限公司", "北京市朝阳区建国路88号现代城A座1203室", "100022"}
	d.Location, d.Carrier, d.Shipper = "上海总仓", "顺丰速运", "李华"
	d.Note = "请在工作日送货，送货前一小时电话联系。"
	for i := range d.Lines {
		d.Lines[i].Name, d.Lines[i].Unit = chineseName(i), "个"
	}
	return d
}

// chineseName is another name for every i below 420; together they use over 400 characters.
func chineseName(i int) string {
	colours := []string{"青花", "湖蓝", "米白", "翡翠绿", "珊瑚红", "柠檬黄", "墨黑"}
	goods := []string{
		"陶瓷马克杯", "不锈钢保温壶", "实木餐桌", "棉麻抱枕", "羊毛围巾", "真丝睡衣", "铝合金行李箱", "充电式台灯", "无线键盘鼠标套装", "蓝牙音箱",
		"儿童自行车头盔", "登山帐篷", "折叠钓鱼椅", "橡胶瑜伽垫", "玻璃密封罐", "竹制砧板", "硅胶铲勺", "铸铁煎锅", "电饭煲内胆", "空气净化器滤芯",
		"扫地机器人边刷", "洗衣液补充装", "抽纸整箱", "香薰蜡烛", "复古挂钟", "油画颜料", "毛笔宣纸礼盒", "订书机", "碎纸机刀片", "激光打印机硒鼓",
		"牛津布雨伞", "防滑浴室拖鞋", "婴儿奶瓶", "宠物猫砂盆", "园艺剪刀", "太阳能庭院灯", "汽车脚踏垫", "轮胎充气泵", "螺丝批套装", "冲击电钻",
		"燃气灶配件", "水龙头起泡器", "窗帘轨道", "乳胶床垫", "衣柜隔板", "书架立柱", "茶几面板", "沙发靠背套", "吸顶灯罩", "插座保护盖",
		"核桃酥糕点", "乌龙茶叶", "特级初榨橄榄油", "蜂蜜柚子酱", "速溶咖啡粉", "坚果混合装", "紫菜海苔片", "辣椒豆瓣酱", "糯米粽子", "桂圆红枣枸杞",
	}
	sizes := []string{"（大号，附说明书及一年质保卡）", "，容量300毫升，釉下彩工艺，可用于洗碗机", "·升级款", "（企业采购专供，含增值税专用发票）", ""}
	return fmt.Sprintf("%s%s%s", colours[i%len(colours)], goods[i%len(goods)], sizes[i%len(sizes)])
}

func sku(i int) string { return fmt.Sprintf("SKU-%04d", i) }

func picks() paper.PickList {
	p := paper.PickList{
		Locale: "en", Company: inEnglish(0).Company, Order: "SO-2611-7K3M9Q", Location: "Main warehouse", Printed: shipped,
		Customer: "Claire Gute", Due: "On hold: call the customer before it leaves", Note: "Fragile.\nUse the double boxes.",
	}
	for i, bin := range []string{"A-10", "", "A-2", "B-1-12", "B-1-3", "A-2"} {
		p.Lines = append(p.Lines, paper.Pick{Bin: bin, SKU: sku(i), Name: "Blue mug, 0.3 l, stoneware, dishwasher safe, in a gift box with a ribbon", Unit: "pcs", Quantity: int64(i + 1)})
	}
	return p
}
