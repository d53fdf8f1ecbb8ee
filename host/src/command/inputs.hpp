#pragma once

// Input files of subcommands: how they are read, and whether those of one command go together.

#include <string>
#include <vector>

#include "command/command.hpp"
#include "nngp/data.hpp"

namespace nngp::host {

/// Reads a matrix from a file, or from standard input if the path is "-". Throws DataError.
template <class Real>
Dataset<Real> read_input(const std::string& path, const ReadOptions& options);

/// The options --header and --index-col.
void add_input_options(po::options_description& options);
/// Reads them. Throws UsageError.
ReadOptions read_options(const po::variables_map& arguments);

/// The option --shape, for commands whose inputs may have positions.
void add_shape_option(po::options_description& options);
/// `options` for inputs that may have positions: with --shape. Throws UsageError.
ReadOptions reading_positions(ReadOptions options, const po::variables_map& arguments);

/// The same for a file that should have as many rows.
ReadOptions with_rows(ReadOptions options, Eigen::Index rows);

/// The same for a file that should have as many rows as `path`, if that is certain before it is read.
ReadOptions with_rows_of(ReadOptions options, const std::string& path);

/// Throws DataError if --index-col names a column that none of the files has.
void check_index_column(const ReadOptions& options, const std::vector<const DataSource*>& files);

/// `data` with its columns in the order of those of `reference`, if both have names. Throws DataError
/// unless both have the same number of columns, with the same names; `what` they are: "features".
template <class Real>
Dataset<Real> match_columns(const std::string& reference_path, const DataSource& reference,
                            Eigen::Index columns, const std::string& path, const Dataset<Real>& data,
                            const char* what = "features");

/// Throws DataError if both files had index columns and these differ: the rows do not go together.
void check_same_order(const std::string& x_path, const DataSource& x, const std::string& y_path,
                      const DataSource& y);

/// On standard error, where there is no summary: what was taken for what in a file, if that was
/// guessed.
void note_guesses(const std::string& path, const DataSource& source);

}  // namespace nngp::host
