// Guests that call the host and each other, for bench_wasm.
typedef unsigned int handle;
typedef long long limit;

__attribute__((import_module("bench"), import_name("at_once"))) int at_once(int n);
__attribute__((import_module("bench"), import_name("parking"))) int parking(int n);
__attribute__((import_module("weft"), import_name("channel_send"))) int send(handle to, const void* data, int length,
                                                                             limit most);
__attribute__((import_module("weft"), import_name("channel_receive"))) int receive(handle from, void* buffer,
                                                                                   int capacity, int* length,
                                                                                   limit most);

__attribute__((export_name("answer"))) int answer(void) { return 42; }

__attribute__((export_name("call_at_once"))) int call_at_once(int times) {
  int sum = 0;
  for (int i = 0; i < times; ++i) sum += at_once(i);
  return sum;
}

__attribute__((export_name("call_parking"))) int call_parking(int times) {
  int sum = 0;
  for (int i = 0; i < times; ++i) sum += parking(i);
  return sum;
}

__attribute__((export_name("send_all"))) int send_all(int times) {
  for (int i = 0; i < times; ++i) {
    if (send(0, &i, sizeof i, -1) != 0) return 0;
  }
  return 1;
}

// The sum of what was received.
__attribute__((export_name("receive_all"))) unsigned receive_all(int times) {
  unsigned sum = 0;
  for (int i = 0; i < times; ++i) {
    unsigned value;
    int length;
    if (receive(0, &value, sizeof value, &length, -1) != 0) return 0;
    sum += value;
  }
  return sum;
}
