// The limit: the same echo server written against io_uring by hand, one thread, one ring, a state machine a connection.
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <thread>
#include <vector>

#include "echo_workloads.hpp"
#include "random_file.hpp"
#include "raw_socket.hpp"

namespace {

class uring_server {
 public:
  explicit uring_server(unsigned) : stop_fd_(eventfd(0, EFD_CLOEXEC)), thread_([this] { run(); }) {}
  ~uring_server() {
    eventfd_write(stop_fd_, 1);
    thread_.join();
    close(stop_fd_);
  }
  uring_server(const uring_server&) = delete;
  uring_server& operator=(const uring_server&) = delete;
  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

 private:
  // The low half of a completion's tag is the descriptor, the high half what was done.
  enum class step : std::uint64_t { accepted, received, sent, stopped };
  static constexpr std::uint64_t tag(step s, int fd) {
    return static_cast<std::uint64_t>(s) << 32 | static_cast<unsigned>(fd);
  }

  io_uring_sqe* entry() {
    io_uring_sqe* e = io_uring_get_sqe(&ring_);
    if (e != nullptr) return e;
    io_uring_submit(&ring_);
    return io_uring_get_sqe(&ring_);
  }
  void start_accept() {
    io_uring_sqe* e = entry();
    io_uring_prep_accept(e, listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    e->user_data = tag(step::accepted, 0);
  }
  void start_receive(int fd) {
    io_uring_sqe* e = entry();
    io_uring_prep_recv(e, fd, buffers_[static_cast<std::size_t>(fd)].data(), 4096, 0);
    e->user_data = tag(step::received, fd);
  }
  void start_send(int fd, unsigned size) {
    io_uring_sqe* e = entry();
    io_uring_prep_send(e, fd, buffers_[static_cast<std::size_t>(fd)].data(), size, MSG_NOSIGNAL | MSG_WAITALL);
    e->user_data = tag(step::sent, fd);
  }

  void run() {
    bench::use_first_cpus(1);
    io_uring_params p{};
    p.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    p.cq_entries = 4096;
    bench::require(io_uring_queue_init_params(512, &ring_, &p) == 0, "no io_uring");
    io_uring_register_ring_fd(&ring_);
    start_accept();
    io_uring_sqe* e = entry();
    io_uring_prep_poll_add(e, stop_fd_, POLLIN);
    e->user_data = tag(step::stopped, 0);
    bool going = true;
    while (going) {
      io_uring_submit_and_wait(&ring_, 1);
      unsigned head = 0;
      unsigned n = 0;
      io_uring_cqe* c = nullptr;
      io_uring_for_each_cqe(&ring_, head, c) {
        ++n;
        going = handle(c->user_data, c->res) && going;
      }
      io_uring_cq_advance(&ring_, n);
    }
    io_uring_queue_exit(&ring_);
  }

  bool handle(std::uint64_t data, int result) {
    const int fd = static_cast<int>(data & 0xFFFFFFFF);
    switch (static_cast<step>(data >> 32)) {
      case step::accepted:
        if (buffers_.size() <= static_cast<std::size_t>(result)) buffers_.resize(static_cast<std::size_t>(result) + 1);
        bench::set_no_delay(result);
        start_receive(result);
        start_accept();
        return true;
      case step::received:
        if (result <= 0) {
          close(fd);
        } else {
          start_send(fd, static_cast<unsigned>(result));
        }
        return true;
      case step::sent:
        start_receive(fd);
        return true;
      case step::stopped:
        break;
    }
    return false;
  }

  bench::raw_listener listener_;
  io_uring ring_{};
  std::vector<std::array<char, 4096>> buffers_ = std::vector<std::array<char, 4096>>(1024);
  int stop_fd_;
  std::thread thread_;
};

// 128 reads under way in one ring, each begun anew as it ends.
void read_at_random(const bench::random_file& f, long size) {
  io_uring ring{};
  io_uring_params p{};
  p.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  bench::require(io_uring_queue_init_params(2 * bench::reads_under_way, &ring, &p) == 0, "no io_uring");
  io_uring_register_ring_fd(&ring);
  std::vector<bench::read_buffer> buffers;
  long begun = 0;
  const auto begin = [&](std::size_t slot) {
    if (begun == size) return;
    io_uring_sqe* e = io_uring_get_sqe(&ring);
    io_uring_prep_read(e, f.fd(), buffers[slot].get(), bench::read_size,
                       bench::random_file::place(static_cast<std::uint64_t>(begun++)));
    e->user_data = slot;
  };
  for (std::size_t i = 0; i < bench::reads_under_way; ++i) {
    buffers.push_back(bench::make_read_buffer());
    begin(i);
  }
  for (long ended = 0; ended < size;) {
    io_uring_submit_and_wait(&ring, 1);
    unsigned head = 0;
    unsigned n = 0;
    io_uring_cqe* c = nullptr;
    io_uring_for_each_cqe(&ring, head, c) {
      ++n;
      bench::require(c->res == static_cast<int>(bench::read_size), "a short read");
      bench::require(*buffers[c->user_data] == std::byte{'r'}, "wrong bytes");
      begin(c->user_data);
    }
    io_uring_cq_advance(&ring, n);
    ended += n;
  }
  io_uring_queue_exit(&ring);
}

double random_reads(unsigned, long size) {
  const bench::random_file f;
  return bench::seconds([&] { read_at_random(f, size); }) * 1e6 / static_cast<double>(size);
}

double random_reads_cpu(unsigned, long size) {
  const bench::random_file f;
  return bench::cpu_seconds_of([&] { read_at_random(f, size); }) * 1e6 / static_cast<double>(size);
}

constexpr std::array workloads{bench::echo<uring_server>, bench::echo_cpu<uring_server>,
                               bench::workload{"random_reads", "us", &random_reads},
                               bench::workload{"random_reads_cpu", "us", &random_reads_cpu}};

}  // namespace

int main(int argc, char** argv) { return bench::run_program(argc, argv, "liburing", workloads); }
