# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/lonja
