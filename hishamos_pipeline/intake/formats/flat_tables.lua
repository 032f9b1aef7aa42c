-- Tables of Markdown have one line in a cell: several paragraphs, and lists, become one.
local function flatten(rows)
  for _, row in ipairs(rows) do
    for _, cell in ipairs(row.cells) do
      local words = pandoc.utils.blocks_to_inlines(cell.contents, { pandoc.Str(";"), pandoc.Space() })
      cell.contents = { pandoc.Plain(words) }
      cell.col_span, cell.row_span = 1, 1
    end
  end
end

function Table(tbl)
  flatten(tbl.head.rows)
  for _, body in ipairs(tbl.bodies) do
    flatten(body.head)
    flatten(body.body)
  end
  flatten(tbl.foot.rows)
  return tbl
end
