// A plugin of the sample plugin_host: what so many pieces cost. Built twice, with another TARIFF each time.
__attribute__((import_module("shop"), import_name("discount"))) int discount(int pieces);
__attribute__((import_module("shop"), import_name("log"))) void log_text(const char* text, int length);

static int calls = 0;

__attribute__((export_name("tariff"))) int tariff(void) { return TARIFF; }

__attribute__((export_name("price"))) int price(int pieces) {
  if (++calls == 1) log_text("first price", 11);
  return pieces * 100 * TARIFF - discount(pieces);
}
