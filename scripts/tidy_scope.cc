// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// A plug-in that scripts/tidy builds and loads into clang-tidy: checks look at our declarations
// alone. Without it they match every declaration of every library's headers, which takes five times
// as long, and what they find there is thrown away.
#include <memory>
#include <vector>

#include "clang/AST/ASTConsumer.h"
#include "clang/AST/ASTContext.h"
#include "clang/Frontend/FrontendPluginRegistry.h"

namespace {

class Scope : public clang::ASTConsumer {
 public:
  bool HandleTopLevelDecl(clang::DeclGroupRef group) override {
    declarations_.insert(declarations_.end(), group.begin(), group.end());
    return true;
  }

  void HandleTranslationUnit(clang::ASTContext& context) override {
    const auto& sources = context.getSourceManager();
    std::erase_if(declarations_, [&](const clang::Decl* declaration) {
      return sources.isInSystemHeader(declaration->getLocation());
    });
    context.setTraversalScope(declarations_);
  }

 private:
  std::vector<clang::Decl*> declarations_;
};

class NarrowScope : public clang::PluginASTAction {
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance& /*compiler*/,
                                                        llvm::StringRef /*file*/) override {
    return std::make_unique<Scope>();
  }
  bool ParseArgs(const clang::CompilerInstance& /*compiler*/,
                 const std::vector<std::string>& /*arguments*/) override {
    return true;
  }
  ActionType getActionType() override { return AddBeforeMainAction; }
};

const clang::FrontendPluginRegistry::Add<NarrowScope> kRegistered(
    "tessera-scope", "leaves out the headers of libraries");

}  // namespace
