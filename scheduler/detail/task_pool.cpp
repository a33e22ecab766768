// Memory of task nodes: each worker keeps some, batches travel through a process-wide list.
#include <mutex>
#include <new>
#include <utility>

#include <weft/scheduler/detail/spin_lock.hpp>
#include <weft/scheduler/detail/task_node.hpp>
#include <weft/scheduler/detail/worker.hpp>

namespace weft::detail {

namespace {

constexpr unsigned batch_size = 128;

// Lists of nodes: nodes of a batch are linked by next, the first of a batch links to the next batch through its storage.
class node_store {
 public:
  // A batch, and how many nodes it has: batch_size, or what workers that ended have left.
  task_node* take_batch(unsigned& count) {
    count = batch_size;
    {
      std::lock_guard guard(lock_);
      if (task_node* batch = batches_) {
        batches_ = next_batch(batch);
        return batch;
      }
      if (singles_ != nullptr) return take_singles(count);
    }
    return make_batch();
  }
  void give_batch(task_node* batch) noexcept {
    std::lock_guard guard(lock_);
    next_batch(batch) = batches_;
    batches_ = batch;
  }
  task_node* take_one() {
    std::lock_guard guard(lock_);
    if (singles_ == nullptr) singles_ = make_batch();
    task_node* node = singles_;
    singles_ = node->next;
    return node;
  }
  void lock() noexcept { lock_.lock(); }
  void unlock() noexcept { lock_.unlock(); }
  void give_one(task_node* node) noexcept {
    std::lock_guard guard(lock_);
    node->next = singles_;
    singles_ = node;
  }

 private:
  static task_node*& next_batch(task_node* batch) noexcept { return *reinterpret_cast<task_node**>(batch->storage); }

  task_node* take_singles(unsigned& count) noexcept {
    task_node* first = singles_;
    task_node* last = first;
    for (count = 1; count < batch_size && last->next != nullptr; ++count) last = last->next;
    singles_ = std::exchange(last->next, nullptr);
    return first;
  }

  // Blocks of nodes are never given back: a handle may be dropped at any time, by any thread.
  static task_node* make_batch() {
    auto* nodes = new task_node[batch_size];
    for (unsigned i = 0; i + 1 < batch_size; ++i) nodes[i].next = &nodes[i + 1];
    nodes[batch_size - 1].next = nullptr;
    return nodes;
  }

  spin_lock lock_;
  task_node* batches_ = nullptr;
  task_node* singles_ = nullptr;
};

node_store& store() {
  static node_store* s = new node_store;  // outlives every static that may hold a handle
  return *s;
}

}  // namespace

[[gnu::noinline]] void worker::fetch_nodes() { free_nodes_ = store().take_batch(free_node_count_); }

[[gnu::noinline]] void worker::spill_nodes() noexcept {
  task_node* last = free_nodes_;
  for (unsigned i = 1; i < batch_size; ++i) last = last->next;
  task_node* batch = free_nodes_;
  free_nodes_ = last->next;
  last->next = nullptr;
  free_node_count_ -= batch_size;
  store().give_batch(batch);
}

void worker::give_nodes_back() noexcept {
  while (task_node* node = free_nodes_) {
    free_nodes_ = node->next;
    store().give_one(node);
  }
  free_node_count_ = 0;
}

void lock_task_pool() noexcept { store().lock(); }
void unlock_task_pool() noexcept { store().unlock(); }

task_node* allocate_task() {
  worker* w = this_worker();
  task_node* node = w != nullptr ? w->allocate_node() : store().take_one();
  node->state.store(0, std::memory_order_relaxed);
  node->outcome = task_node::result::none;
  node->waiters = nullptr;
  return node;
}

void free_task(task_node* node) noexcept {
  worker* w = this_worker();
  if (w != nullptr) {
    w->free_node(node);
  } else {
    store().give_one(node);
  }
}

}  // namespace weft::detail
