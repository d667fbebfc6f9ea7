// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "certificate/program.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <span>

#include "certificate/exact.h"
#include "tessera/certificate/certificate.h"
#include "tessera/core/file.h"
#include "tessera/core/hash.h"
#include "tessera/core/names.h"
#include "tessera/core/record.h"
#include "tessera/core/text.h"
#include "tessera/core/timing.h"

namespace tessera::certificate {
namespace {

constexpr std::string_view kHelp =
    "Usage: tessera-check-plan CERTIFICATE [--plan FILE] [--model FILE] [--json]\n"
    "\n"
    "Checks the certificate of a plan (plan.cert.json): evaluates the plan and replays the proof\n"
    "of its bound, in exact numbers, without the planner that made them.\n"
    "\n"
    "  --plan FILE   the plan of 'tessera plan' has to say the same\n"
    "  --model FILE  has to be the model that the certificate names\n"
    "  --json        print one JSON document\n"
    "  --help        print this help\n"
    "  --version     print the version\n"
    "\n"
    "Exit code: 0 accepted, 1 rejected, 2 usage, 3 an input is missing or unreadable, or the\n"
    "answer cannot be written.\n"
    "\n"
    "Example:\n"
    "  tessera-check-plan plan.cert.json --plan plan.json --model model.onnx\n";

constexpr std::int64_t kMostBytes = std::int64_t{1} << 30;

struct Arguments {
  std::string certificate;
  std::string plan;
  std::string model;
  bool json = false;
  bool help = false;
  bool version = false;
};

Failure usage(const std::string& what) {
  return fail(ErrorCode::kInvalidArgument, "{}", what)
      .hint("'tessera-check-plan --help' lists what there is");
}

Result<Arguments> parse(const std::vector<std::string>& command) {
  constexpr std::array<std::string_view, 5> kOptions = {"--plan", "--model", "--json", "--help",
                                                        "--version"};
  Arguments arguments;
  for (std::size_t i = 1; i < command.size(); ++i) {
    const auto& word = command[i];
    if (!word.starts_with("-")) {
      if (!arguments.certificate.empty()) {
        return usage(fmt::format("there is a second certificate, '{}'", word));
      }
      arguments.certificate = word;
      continue;
    }
    TESSERA_CHECK(check_key(word, kOptions, "the command line"));
    arguments.json = arguments.json || word == "--json";
    arguments.help = arguments.help || word == "--help";
    arguments.version = arguments.version || word == "--version";
    if (word != "--plan" && word != "--model") {
      continue;
    }
    if (i + 1 == command.size()) {
      return usage(fmt::format("{} names no file", word));
    }
    (word == "--plan" ? arguments.plan : arguments.model) = command[++i];
  }
  if (arguments.certificate.empty() && !arguments.help && !arguments.version) {
    return usage("there is no certificate to check");
  }
  return arguments;
}

std::string sum_of(const std::string& content) {
  return sha256(std::as_bytes(std::span(content)));
}

/// The first difference between the certificate and what was named besides, or none.
Result<std::optional<std::string>> compare_files(const Certificate& certificate,
                                                 const std::string& sum,
                                                 const Arguments& arguments) {
  if (!arguments.plan.empty()) {
    TESSERA_TRY(const auto document, read_json(arguments.plan));
    const auto name = fmt::format("'{}'", arguments.plan);
    TESSERA_TRY(const auto plan, open_envelope(document, "plan", name));
    TESSERA_TRY(auto difference, compare_with_plan(certificate, sum, plan, name));
    if (difference) {
      return difference;
    }
  }
  if (!arguments.model.empty()) {
    TESSERA_TRY(const auto model, MappedFile::open(arguments.model));
    if (const auto found = sha256(model.bytes()); found != certificate.model_sha256) {
      return fmt::format("the model has the SHA-256 {}, and the certificate names one of {}", found,
                         certificate.model_sha256);
    }
  }
  return std::nullopt;
}

struct Checked {
  Verdict verdict;
  std::string unit;
  std::string sum;
  std::int64_t offset = 0;  ///< of costs, against what the plan says
};

Result<Checked> check_files(const Arguments& arguments) {
  TESSERA_TRY(const auto text, read_file(arguments.certificate, kMostBytes));
  const auto name = fmt::format("'{}'", arguments.certificate);
  TESSERA_TRY(const auto document, parse_json(text, name));
  TESSERA_TRY(auto verdict, check_document(document, name));
  Checked checked{std::move(verdict), {}, sum_of(text), 0};
  TESSERA_TRY(const auto certificate, from_json(document, name));
  checked.unit = certificate.unit;
  checked.offset = certificate.objective_offset;
  TESSERA_TRY(auto difference, compare_files(certificate, checked.sum, arguments));
  if (difference && checked.verdict.accepted) {
    checked.verdict.accepted = false;
    checked.verdict.reason = *std::move(difference);
  }
  return checked;
}

/// As the plan says it: people compare the two.
std::string figure(const Checked& checked, std::int64_t cost) {
  return fmt::format("{}", Wide{cost} - checked.offset);
}

std::string claim_of(const Checked& checked) {
  const auto& verdict = checked.verdict;
  switch (verdict.status) {
    case Status::kOptimal:
      return fmt::format("optimal: the plan costs {} {}, and none costs less",
                         figure(checked, *verdict.cost), checked.unit);
    case Status::kFeasible:
      return fmt::format("feasible: the plan costs {} {}, and none costs less than {}",
                         figure(checked, *verdict.cost), checked.unit,
                         figure(checked, verdict.bound.value_or(*verdict.cost)));
    case Status::kInfeasible:
      return "infeasible: no plan keeps all limits";
    case Status::kUnknown:
      break;
  }
  return verdict.bound ? fmt::format("no plan was found, and none costs less than {} {}",
                                     figure(checked, *verdict.bound), checked.unit)
                       : "no plan was found, and there is none";
}

Json to_json(const Checked& checked) {
  const auto& verdict = checked.verdict;
  return {{"accepted", verdict.accepted},
          {"reason", verdict.accepted ? Json() : Json(verdict.reason)},
          {"status", to_string(verdict.status)},
          {"cost", or_null(verdict.cost)},
          {"bound", or_null(verdict.bound)},
          {"unit", checked.unit},
          {"proof", {{"nodes", verdict.nodes}, {"layouts", verdict.layouts}}},
          {"certificate", {{"sha256", checked.sum}}}};
}

std::string document(std::string_view kind, const std::vector<std::string>& command, Json result) {
  Envelope envelope{.kind = std::string(kind),
                    .command = command,
                    .started_at = utc_now(),
                    .host = describe_host()};
  return to_text(enclose(envelope, std::move(result)));
}

Answer to_answer(const Checked& checked, const Arguments& arguments,
                 const std::vector<std::string>& command) {
  Answer answer;
  const auto& verdict = checked.verdict;
  answer.exit_code = verdict.accepted ? 0 : tessera::exit_code(ErrorCode::kFailedPrecondition);
  if (arguments.json) {
    answer.out = document("check-plan", command, to_json(checked));
  } else if (verdict.accepted) {
    answer.out = printable_lines(fmt::format("accepted: {}\nproof: {} nodes, {} layouts\n",
                                             claim_of(checked), verdict.nodes, verdict.layouts));
  } else {
    answer.out = printable_lines("rejected: " + verdict.reason + "\n");
  }
  return answer;
}

Answer to_answer(const Error& error, bool json, const std::vector<std::string>& command) {
  Answer answer;
  answer.exit_code = tessera::exit_code(error.code);
  answer.err = to_string(error) + "\n";
  if (json) {
    answer.out = document("error", command,
                          {{"code", to_string(error.code)},
                           {"message", printable_message(error.message)},
                           {"hint", printable_message(error.hint)},
                           {"exit_code", answer.exit_code}});
  }
  return answer;
}

}  // namespace

Answer answer(const std::vector<std::string>& command) {
  const auto arguments = parse(command);
  if (!arguments) {
    return to_answer(arguments.error(), false, command);
  }
  if (arguments->help) {
    return {0, std::string(kHelp), ""};
  }
  if (arguments->version) {
    return {0, std::string(version()) + "\n", ""};
  }
  const auto checked = check_files(*arguments);
  return checked ? to_answer(*checked, *arguments, command)
                 : to_answer(checked.error(), arguments->json, command);
}

}  // namespace tessera::certificate
