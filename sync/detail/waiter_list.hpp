// A list of those who wait, linked through nodes that stand on their stacks.
#pragma once

#include <cstddef>

namespace weft::detail {

// What a node of waiter_list<Node> derives from.
template <class Node>
struct waiter_links {
  Node* previous = nullptr;
  Node* next = nullptr;
  bool queued = false;

 private:
  friend Node;
  waiter_links() = default;
};

// For one thread at a time: a lock of the primitive guards it.
template <class Node>
class waiter_list {
 public:
  waiter_list() = default;
  waiter_list(const waiter_list&) = delete;
  waiter_list& operator=(const waiter_list&) = delete;

  [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] Node* first() const noexcept { return first_; }

  void push_back(Node& n) noexcept { insert(n, last_, nullptr); }
  void push_front(Node& n) noexcept { insert(n, nullptr, first_); }

  void remove(Node& n) noexcept {
    (n.previous != nullptr ? n.previous->next : first_) = n.next;
    (n.next != nullptr ? n.next->previous : last_) = n.previous;
    n.previous = n.next = nullptr;
    n.queued = false;
    --size_;
  }
  // nullptr if there is none.
  Node* pop_front() noexcept {
    Node* n = first_;
    if (n != nullptr) remove(*n);
    return n;
  }

 private:
  void insert(Node& n, Node* previous, Node* next) noexcept {
    n.previous = previous;
    n.next = next;
    n.queued = true;
    (previous != nullptr ? previous->next : first_) = &n;
    (next != nullptr ? next->previous : last_) = &n;
    ++size_;
  }

  Node* first_ = nullptr;
  Node* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace weft::detail
