// The unwinder on elfutils' libdwfl. It is loaded when a stack is to be read for the first time: with what it needs it is five shared objects, a fifth
// of the time in which a small program starts.
#include <cxxabi.h>
#include <dlfcn.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <unordered_map>

#include <weft/scheduler/observe/unwinder.hpp>

namespace weft::detail {

namespace {

constexpr std::size_t most_frames = 64;
// libdwfl asks for a thread by a number before each stack; which one does not matter.
constexpr pid_t any_thread = 1;

// A function of the library.
template <class F>
class loaded {
 public:
  loaded(void* file, const char* name, bool& all_found) noexcept
      : function_(file != nullptr ? reinterpret_cast<F*>(::dlsym(file, name)) : nullptr) {
    all_found = all_found && function_ != nullptr;
  }
  [[nodiscard]] F* get() const noexcept { return function_; }
  template <class... Arguments>
  auto operator()(Arguments... arguments) const noexcept {
    return function_(arguments...);
  }

 private:
  F* const function_;
};

// Those that are used; none may be called unless all were found.
struct dwfl_library {
  void* const file = ::dlopen("libdw.so.1", RTLD_LAZY | RTLD_LOCAL);  // stays until the process ends
  bool is_usable = true;
  loaded<decltype(::dwfl_begin)> begin{file, "dwfl_begin", is_usable};
  loaded<decltype(::dwfl_end)> end{file, "dwfl_end", is_usable};
  loaded<decltype(::dwfl_report_begin)> report_begin{file, "dwfl_report_begin", is_usable};
  loaded<decltype(::dwfl_report_end)> report_end{file, "dwfl_report_end", is_usable};
  loaded<decltype(::dwfl_linux_proc_report)> linux_proc_report{file, "dwfl_linux_proc_report", is_usable};
  loaded<decltype(::dwfl_linux_proc_find_elf)> linux_proc_find_elf{file, "dwfl_linux_proc_find_elf", is_usable};
  loaded<decltype(::dwfl_build_id_find_debuginfo)> build_id_find_debuginfo{file, "dwfl_build_id_find_debuginfo",
                                                                           is_usable};
  loaded<decltype(::dwfl_attach_state)> attach_state{file, "dwfl_attach_state", is_usable};
  loaded<decltype(::dwfl_getthread_frames)> getthread_frames{file, "dwfl_getthread_frames", is_usable};
  loaded<decltype(::dwfl_thread_state_registers)> thread_state_registers{file, "dwfl_thread_state_registers",
                                                                         is_usable};
  loaded<decltype(::dwfl_frame_pc)> frame_pc{file, "dwfl_frame_pc", is_usable};
  loaded<decltype(::dwfl_addrmodule)> addrmodule{file, "dwfl_addrmodule", is_usable};
  loaded<decltype(::dwfl_module_addrname)> module_addrname{file, "dwfl_module_addrname", is_usable};
  loaded<decltype(::dwfl_module_getsrc)> module_getsrc{file, "dwfl_module_getsrc", is_usable};
  loaded<decltype(::dwfl_lineinfo)> lineinfo{file, "dwfl_lineinfo", is_usable};
};

const dwfl_library& dwfl() noexcept {
  static const dwfl_library library;
  return library;
}

std::string demangled(const char* name) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return status == 0 ? text.get() : name;
}

struct walk {
  const stack_image* stack = nullptr;
  std::vector<std::uint64_t> addresses;
};

walk& walk_of(void* argument) noexcept { return *static_cast<walk*>(argument); }

pid_t next_thread(Dwfl*, void*, void**) noexcept { return 0; }

bool get_thread(Dwfl*, pid_t, void* argument, void** thread_argument) noexcept {
  *thread_argument = argument;
  return true;
}

bool read_memory(Dwfl*, Dwarf_Addr address, Dwarf_Word* result, void* argument) noexcept {
  const stack_image& stack = *walk_of(argument).stack;
  const std::uint64_t offset = address - stack.registers[stack_image::rsp];
  if (offset >= stack.bytes.size() || stack.bytes.size() - offset < sizeof *result) return false;
  std::memcpy(result, stack.bytes.data() + offset, sizeof *result);
  return true;
}

bool set_registers(Dwfl_Thread* thread, void* argument) noexcept {
  const auto& registers = walk_of(argument).stack->registers;
  return dwfl().thread_state_registers(thread, 0, static_cast<unsigned>(registers.size()), registers.data());
}

// The address of a caller is behind its call, perhaps in the next function.
int take_frame(Dwfl_Frame* state, void* argument) noexcept {
  Dwarf_Addr address = 0;
  bool is_activation = false;
  auto& addresses = walk_of(argument).addresses;
  if (!dwfl().frame_pc(state, &address, &is_activation) || address == 0) return DWARF_CB_ABORT;
  addresses.push_back(is_activation ? address : address - 1);
  return addresses.size() < most_frames ? DWARF_CB_OK : DWARF_CB_ABORT;
}

const Dwfl_Thread_Callbacks thread_callbacks = {&next_thread,   &get_thread, &read_memory,
                                                &set_registers, nullptr,     nullptr};

// Only files on this machine: the standard callback may ask servers.
const Dwfl_Callbacks* file_callbacks() noexcept {
  static const Dwfl_Callbacks callbacks = {dwfl().linux_proc_find_elf.get(), dwfl().build_id_find_debuginfo.get(),
                                           nullptr, nullptr};
  return &callbacks;
}

}  // namespace

struct unwinder::library {
  walk current;
  Dwfl* session = nullptr;
  std::unordered_map<std::uint64_t, frame> known;

  library() {
    if (!dwfl().is_usable) return;
    session = dwfl().begin(file_callbacks());
    if (session == nullptr) return;
    dwfl().report_begin(session);
    const bool reported = dwfl().linux_proc_report(session, ::getpid()) == 0;
    if (!reported || dwfl().report_end(session, nullptr, nullptr) != 0 ||
        !dwfl().attach_state(session, nullptr, ::getpid(), &thread_callbacks, &current)) {
      dwfl().end(session);
      session = nullptr;
    }
  }
  ~library() {
    if (session != nullptr) dwfl().end(session);
  }
  library(const library&) = delete;
  library& operator=(const library&) = delete;

  const frame& describe(std::uint64_t address) {
    const auto [entry, is_new] = known.try_emplace(address);
    frame& f = entry->second;
    if (!is_new) return f;
    f.address = address;
    Dwfl_Module* module = dwfl().addrmodule(session, address);
    if (module == nullptr) return f;
    if (const char* name = dwfl().module_addrname(module, address)) f.function = demangled(name);
    if (Dwfl_Line* line = dwfl().module_getsrc(module, address)) {
      if (const char* file = dwfl().lineinfo(line, nullptr, &f.line, nullptr, nullptr, nullptr)) f.file = file;
    }
    return f;
  }
};

unwinder::unwinder() : library_(std::make_unique<library>()) {}
unwinder::~unwinder() = default;

std::vector<frame> unwinder::frames_of(const stack_image& stack) {
  std::vector<frame> frames;
  if (library_->session == nullptr || stack.empty()) return frames;
  library_->current.stack = &stack;
  library_->current.addresses.clear();
  dwfl().getthread_frames(library_->session, any_thread, &take_frame,
                          &library_->current);  // ends with an error at the stack's end
  for (const std::uint64_t address : library_->current.addresses) frames.push_back(library_->describe(address));
  drop_machinery(frames);
  return frames;
}

}  // namespace weft::detail
