#include "engine/schedule.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <optional>

#include "nngp/error.hpp"

namespace nngp {
namespace {

constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t max_edges = 20'000'000;

/// A plane of an operand, and a plane of the value that a step makes of it.
struct Edge {
  std::uint32_t step, operand, in, out;  ///< planes by their number in the graph
  std::uint32_t turn = none;             ///< in the order of contributions
};

struct Node {
  std::uint32_t value, box;
  bool own = false;                               ///< wanted of examples with themselves
  std::vector<std::uint32_t> to = {}, from = {};  ///< edges
};

/// The planes of a program and what is made of what.
class Graph {
 public:
  explicit Graph(const Program& program) : program_(program) {
    ask();
    make_nodes();
    make_edges();
  }

  const Program& program() const { return program_; }
  std::vector<SitePairs> wanted;
  std::vector<PairBox> boxes;
  std::vector<Node> nodes;
  std::vector<Edge> edges;
  std::vector<std::uint32_t> first_node;  ///< of each value, and one past the last
  std::uint32_t output = 0;

  /// The planes of the first operand that a step keeps.
  std::vector<std::uint32_t> kept(std::size_t step) const {
    std::vector<std::uint32_t> planes;
    const SitePairs keeps = program_.steps[step]->keeps();
    if (keeps.empty()) return planes;
    const std::size_t value = program_.steps[step]->operands()[0].value;
    for (const Offset& offset : keeps) planes.push_back(node(value, offset));
    return planes;
  }

 private:
  /// Backwards: what the output is made of, and what steps keep.
  void ask() {
    const std::size_t values = program_.sites.size();
    wanted.resize(values);
    own_.resize(values);
    wanted[program_.output.value] = same_sites();
    // A network of one site propagates all variances, so that the layer is named that spoils one.
    if (program_.sites[0].count() == 1) own_[program_.output.value] = same_sites();
    for (std::size_t step = program_.steps.size(); step-- > 0;) {
      const KernelStep& reader = *program_.steps[step];
      const std::vector<Operand> operands = reader.operands();
      const SitePairs keeps = reader.keeps();
      own_[operands[0].value].insert(keeps.begin(), keeps.end());
      wanted[operands[0].value].insert(keeps.begin(), keeps.end());
      for (std::size_t o = 0; o < operands.size(); ++o)
        for (const Offset& offset : wanted[step + 1]) {
          const SitePairs read = reader.reads(o, offset);
          wanted[operands[o].value].insert(read.begin(), read.end());
          if (own_[step + 1].contains(offset)) own_[operands[o].value].insert(read.begin(), read.end());
        }
      for (const Operand& operand : operands)
        check_offsets(wanted[operand.value].size(), reader.name());
    }
  }

  void make_nodes() {
    std::map<std::vector<std::size_t>, std::map<Offset, std::uint32_t>> known;
    for (std::size_t value = 0; value < wanted.size(); ++value) {
      first_node.push_back(static_cast<std::uint32_t>(nodes.size()));
      auto& of_grid = known[program_.sites[value].extents];
      for (const Offset& offset : wanted[value]) {
        const auto [box, is_new] =
            of_grid.try_emplace(offset, static_cast<std::uint32_t>(boxes.size()));
        if (is_new) boxes.emplace_back(program_.sites[value], offset);
        nodes.push_back({static_cast<std::uint32_t>(value), box->second, own_[value].contains(offset)});
      }
    }
    first_node.push_back(static_cast<std::uint32_t>(nodes.size()));
    output = node(program_.output.value, {});
  }

  void make_edges() {
    for (std::uint32_t step = 0; step < program_.steps.size(); ++step) {
      const KernelStep& reader = *program_.steps[step];
      const std::vector<Operand> operands = reader.operands();
      for (std::uint32_t o = 0; o < operands.size(); ++o)
        for (std::uint32_t out = first_node[step + 1]; out < first_node[step + 2]; ++out)
          for (const Offset& offset : reader.reads(o, boxes[nodes[out].box].offset)) {
            const std::uint32_t in = node(operands[o].value, offset);
            const auto edge = static_cast<std::uint32_t>(edges.size());
            if (edge == max_edges)
              throw ModelError(reader.name() +
                               ": the network mixes too many pairs of positions; make the images "
                               "smaller, by strides or pooling before it");
            edges.push_back({step, o, in, out});
            nodes[in].to.push_back(edge);
            nodes[out].from.push_back(edge);
          }
    }
  }

  std::uint32_t node(std::size_t value, const Offset& offset) const {
    const auto begin = nodes.begin() + first_node[value],
               end =
                   value + 1 < first_node.size() ? nodes.begin() + first_node[value + 1] : nodes.end();
    return static_cast<std::uint32_t>(
        std::lower_bound(begin, end, offset,
                         [&](const Node& node, const Offset& wanted_offset) {
                           return boxes[node.box].offset < wanted_offset;
                         }) -
        nodes.begin());
  }

  const Program& program_;
  std::vector<SitePairs> own_;
};

/// Memory for planes: what was freed last is taken first, as it is in cache.
class Buffers {
 public:
  std::uint32_t take(std::size_t tiles) {
    auto best = free_.rend();
    for (auto buffer = free_.rbegin(); buffer != free_.rend(); ++buffer)
      if (capacity_[*buffer] >= tiles &&
          (best == free_.rend() || capacity_[*buffer] < capacity_[*best]))
        best = buffer;
    if (best == free_.rend())  // the largest one grows
      best = std::max_element(free_.rbegin(), free_.rend(), [&](std::uint32_t a, std::uint32_t b) {
        return capacity_[a] < capacity_[b];
      });
    if (best == free_.rend()) {
      capacity_.push_back(tiles);
      return static_cast<std::uint32_t>(capacity_.size() - 1);
    }
    const std::uint32_t buffer = *best;
    free_.erase(std::next(best).base());
    capacity_[buffer] = std::max(capacity_[buffer], tiles);
    return buffer;
  }
  void give_back(std::uint32_t buffer) { free_.push_back(buffer); }
  const std::vector<std::size_t>& capacity() const { return capacity_; }

 private:
  std::vector<std::size_t> capacity_;
  std::vector<std::uint32_t> free_;
};

/// Appends ops; knows where planes are.
class Writer {
 public:
  Writer(const Graph& graph, Schedule& schedule)
      : graph_(graph), schedule_(schedule), planes_(graph.nodes.size()) {
    schedule_.boxes = graph.boxes;
  }

  /// How many times a plane will be read.
  void set_readers(std::uint32_t node, std::size_t count) { planes_[node].readers = count; }

  void source(std::uint32_t node) {
    const bool is_input = graph_.nodes[node].value == 0;
    place(node);
    schedule_.ops.push_back({.kind = is_input ? PlaneOp::Kind::multiply : PlaneOp::Kind::zero,
                             .first = true,
                             .complete = true,
                             .step = is_input ? 0 : graph_.nodes[node].value - 1,
                             .out = at(node)});
  }

  void keep(std::uint32_t step, std::uint32_t node) {
    schedule_.ops.push_back({.kind = PlaneOp::Kind::keep, .step = step, .in = at(node)});
    release(node);
  }

  /// One contribution; `last` of its plane or not.
  void run(const Edge& edge, bool last) {
    State &in = planes_[edge.in], &out = planes_[edge.out];
    const KernelStep::Writes writes = graph_.program().steps[edge.step]->writes();
    const bool begins = out.buffer == none;
    const bool fits = writes != KernelStep::Writes::elsewhere && begins &&
                      graph_.boxes[graph_.nodes[edge.in].box].count() ==
                          graph_.boxes[graph_.nodes[edge.out].box].count();
    PlaneAt from = at(edge.in);
    if (fits && in.readers == 1) {  // the plane becomes what is made of it
      out.buffer = in.buffer;
      in = {};
    } else {
      if (begins) place(edge.out);
      if (writes == KernelStep::Writes::in_place) {
        schedule_.ops.push_back({.kind = PlaneOp::Kind::copy,
                                 .first = true,
                                 .step = edge.step,
                                 .in = from,
                                 .out = at(edge.out)});
        from = at(edge.out);
      }
      release(edge.in);
    }
    schedule_.ops.push_back({.kind = PlaneOp::Kind::run,
                             .first = begins,
                             .complete = last,
                             .step = edge.step,
                             .operand = edge.operand,
                             .in = from,
                             .out = at(edge.out)});
  }

  void release(std::uint32_t node) {
    State& plane = planes_[node];
    if (--plane.readers > 0) return;
    buffers_.give_back(plane.buffer);
    plane = {};
  }

  /// A plane that nothing will read.
  void drop(std::uint32_t node) {
    planes_[node].readers = 1;
    release(node);
  }

  PlaneAt at(std::uint32_t node) const { return {planes_[node].buffer, graph_.nodes[node].box}; }

  void finish(std::uint32_t output) {
    schedule_.output = at(output);
    schedule_.buffers = buffers_.capacity();
  }

 private:
  struct State {
    std::uint32_t buffer = none;
    std::size_t readers = 0;
  };

  void place(std::uint32_t node) {
    planes_[node].buffer = buffers_.take(graph_.boxes[graph_.nodes[node].box].count());
  }

  const Graph& graph_;
  Schedule& schedule_;
  std::vector<State> planes_;
  Buffers buffers_;
};

/// The planes that no step makes of others, in the order in which the output asks for them: those that
/// a plane is made of come one after the other.
std::vector<std::uint32_t> sources(const Graph& graph) {
  struct Visit {
    std::uint32_t node;
    std::size_t next;
  };
  std::vector<std::uint32_t> found;
  std::vector<char> seen(graph.nodes.size());
  std::vector<Visit> open;
  const auto visit_all = [&](std::uint32_t end) {
    if (seen[end]) return;
    seen[end] = 1;
    open.push_back({end, 0});
    while (!open.empty()) {
      Visit& visit = open.back();
      const std::vector<std::uint32_t>& from = graph.nodes[visit.node].from;
      if (visit.next == from.size()) {
        if (from.empty()) found.push_back(visit.node);
        open.pop_back();
        continue;
      }
      const std::uint32_t in = graph.edges[from[visit.next++]].in;
      if (std::exchange(seen[in], 1)) continue;
      open.push_back({in, 0});
    }
  };
  visit_all(graph.output);
  // What is kept of examples with themselves alone.
  for (std::uint32_t node = 0; node < graph.nodes.size(); ++node) visit_all(node);
  return found;
}

/// Passes every plane on as soon as it is done.
Schedule pass_on(Graph& graph) {
  Schedule schedule;
  Writer writer(graph, schedule);
  std::vector<std::size_t> missing(graph.nodes.size());
  for (std::uint32_t node = 0; node < graph.nodes.size(); ++node) {
    missing[node] = graph.nodes[node].from.size();
    writer.set_readers(node, graph.nodes[node].to.size() + (node == graph.output ? 1 : 0));
  }
  struct Visit {
    std::uint32_t node;
    std::size_t next;
  };
  std::uint32_t turn = 0;
  for (const std::uint32_t source : sources(graph)) {
    writer.source(source);
    std::vector<Visit> open = {{source, 0}};
    while (!open.empty()) {
      Visit& visit = open.back();
      const std::vector<std::uint32_t>& to = graph.nodes[visit.node].to;
      if (visit.next == to.size()) {
        if (to.empty() && visit.node != graph.output) writer.drop(visit.node);
        open.pop_back();
        continue;
      }
      Edge& edge = graph.edges[to[visit.next++]];
      edge.turn = turn++;
      const bool last = --missing[edge.out] == 0;
      writer.run(edge, last);
      if (last) open.push_back({edge.out, 0});
    }
  }
  writer.finish(graph.output);
  return schedule;
}

/// Step after step, of the planes that are wanted of examples with themselves: first what the step
/// keeps, then the plane of sites with themselves.
Schedule step_by_step(const Graph& graph) {
  Schedule schedule;
  Writer writer(graph, schedule);
  const Program& program = graph.program();
  std::vector<std::size_t> readers(graph.nodes.size());
  for (const Edge& edge : graph.edges)
    if (graph.nodes[edge.out].own) ++readers[edge.in];
  for (std::size_t step = 0; step < program.steps.size(); ++step)
    for (const std::uint32_t node : graph.kept(step)) ++readers[node];
  for (std::uint32_t node = 0; node < graph.nodes.size(); ++node)
    writer.set_readers(node, readers[node]);

  const auto make_value = [&](std::size_t value) {
    std::vector<std::uint32_t> planes;
    for (std::uint32_t node = graph.first_node[value]; node < graph.first_node[value + 1]; ++node) {
      if (!graph.nodes[node].own) continue;
      const bool same = graph.boxes[graph.nodes[node].box].offset == Offset{};
      planes.insert(same ? planes.begin() : planes.end(), node);
    }
    for (const std::uint32_t node : planes) {
      std::vector<std::uint32_t> from = graph.nodes[node].from;
      std::sort(from.begin(), from.end(), [&](std::uint32_t a, std::uint32_t b) {
        return graph.edges[a].turn < graph.edges[b].turn;
      });
      if (from.empty()) writer.source(node);
      for (const std::uint32_t edge : from) writer.run(graph.edges[edge], edge == from.back());
      if (readers[node] == 0) writer.drop(node);
    }
  };
  make_value(0);
  for (std::uint32_t step = 0; step < program.steps.size(); ++step) {
    for (const std::uint32_t node : graph.kept(step)) writer.keep(step, node);
    make_value(step + 1);
  }
  writer.finish(graph.output);
  return schedule;
}

}  // namespace

std::size_t Schedule::tiles() const {
  return std::accumulate(buffers.begin(), buffers.end(), std::size_t{0});
}

Schedules schedule(const Program& program) {
  Graph graph(program);
  Schedules both;
  both.pairs = pass_on(graph);
  both.own = step_by_step(graph);
  both.wanted = std::move(graph.wanted);
  return both;
}

}  // namespace nngp
