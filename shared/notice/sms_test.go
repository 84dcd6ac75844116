package notice_test

import (
	"strings"
	"testing"

	"waybill/shared/notice"
)

func TestAnSMSIsCountedAsTheNetworkDoes(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"nothing", "", 0},
		{"a character", "a", 1},
		{"what fits into one", strings.Repeat("a", 160), 1},
		{"one more", strings.Repeat("a", 161), 2},
		{"what fits into two", strings.Repeat("a", 306), 2},
		{"one more than two", strings.Repeat("a", 307), 3},
		{"all of the alphabet", "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ!\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà", 1},
		{"a sign that takes two", strings.Repeat("a", 158) + "€", 1},
		{"a sign that takes two too many", strings.Repeat("a", 159) + "€", 2},
		{"nothing but those", strings.Repeat("{", 80), 1},
		{"one more of those", strings.Repeat("{", 81), 2},
		// Two parts would take 306, but neither takes half a sign.
		{"a sign that would be split", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), 3},
		{"a sign beside the gap", strings.Repeat("a", 151) + "€" + strings.Repeat("a", 153), 2},
		{"Chinese", strings.Repeat("单", 70), 1},
		{"one more in Chinese", strings.Repeat("单", 71), 2},
		{"two parts in Chinese", strings.Repeat("单", 134), 2},
		{"three parts in Chinese", strings.Repeat("单", 135), 3},
		{"one letter that the alphabet lacks", strings.Repeat("a", 69) + "ç", 1},
		{"and 70 that it has", strings.Repeat("a", 70) + "ç", 2},
		{"a backtick", strings.Repeat("a", 70) + "`", 2},
		{"pictures of two units", strings.Repeat("📦", 35), 1},
		{"one more picture", strings.Repeat("📦", 36), 2},
		// 67 is odd: a part takes 33 pictures.
		{"pictures that would be split", strings.Repeat("📦", 67), 3},
	} {
		if got := notice.Parts(c.text); got != c.want {
			t.Errorf("%s: %d parts, want %d", c.name, got, c.want)
		}
	}
}

func TestALocaleIsReadInALanguageOfOurs(t *testing.T) {
	for locale, want := range map[string]string{
		"": "en", "en": "en", "en-GB": "en", "de": "en", "zh": "zh", "zh-CN": "zh", "zh_Hans_CN": "zh", "ZH-TW": "zh", "zha": "en", "x": "en",
	} {
		if got := notice.Language(locale); got != want {
			t.Errorf("%q is read in %s, want %s", locale, got, want)
		}
	}
}
